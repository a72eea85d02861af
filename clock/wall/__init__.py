"""
C{clockwall}: read several clocks, and show them in a table.

Each clock has a L{ClockMonitor<clock.wall.monitor.ClockMonitor>}. It observes the
clock's L{Stream<clock.reading.stream.Stream>}, and keeps the clock's status. On a
terminal, a L{Screen<clock.wall.screen.Screen>} draws the table. Otherwise a
L{Printer<clock.wall.printer.Printer>} prints a line for each change.
"""
