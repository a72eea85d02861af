"""
C{clockwall}: read several clocks, and show them in a table.

Each clock has a L{ClockMonitor<clock.clients.wall.monitor.ClockMonitor>}. It observes
the clock's L{Stream<clock.clients.reading.stream.Stream>}, and keeps the clock's
status. On a terminal, a L{Screen<clock.clients.wall.screen.Screen>} draws the table.
Otherwise a L{Printer<clock.clients.wall.printer.Printer>} prints a line for each
change.
"""
