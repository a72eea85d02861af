"""
C{clock-check}: read clocks for a while, and report what is wrong with their streams.

Each clock has a L{Judge<clock.clients.check.judge.Judge>}. It observes the clock's
L{Stream<clock.clients.reading.stream.Stream>}, and counts lines that are repeated,
skipped, lost or late, and connections that are lost.
L{diagnose<clock.clients.check.diagnosis.diagnose.diagnose>} looks at when that
happened, and says what usually causes it.
"""
