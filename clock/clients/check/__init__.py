"""
C{clock-check}: read streams for a while, and report what is wrong with them.

L{Evidence<clock.clients.check.evidence.Evidence>} observes each
L{Stream<clock.clients.reading.stream.Stream>}, and records what was seen, once.
L{judge<clock.clients.check.judge.judge>} says whether the stream is whole,
L{diagnose<clock.clients.check.diagnosis.diagnose.diagnose>} what usually causes what is
wrong, and L{compareAll<clock.clients.check.compare.compareAll>} how it differs from the
first stream. All of them, and the reports, read the evidence.
"""
