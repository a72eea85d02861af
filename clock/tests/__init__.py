"""
Tests of the clock in memory, for trial: no sockets, no real time.
"""
