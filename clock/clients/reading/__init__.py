"""
Read a clock: connect and reconnect, split the received bytes into lines, and find the
time in a line.

L{clock.clients.wall} and L{clock.clients.check} build on this. Each clock has a
L{Stream<clock.clients.reading.stream.Stream>} of its own, and each stream reports to
one L{Observer<clock.clients.reading.observer.Observer>}. Streams share nothing, so a
server that stalls or fails does not affect the others.
"""
