"""
C{clockwall}: the other half of the exercise, a client that reads several clocks.

Each clock has a L{Stream<clock.wall.stream.Stream>}, which connects again whenever
the connection is lost, and tells what happens to one observer. For the wall that is
a L{Watch<clock.wall.watch.Watch>}, which knows what to show of the clock, and for
C{--check} a L{Judge<clock.wall.judge.Judge>}, which counts what went wrong. The
streams know nothing of each other, so what one server does is no matter of the rest.
"""
