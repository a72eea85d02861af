"""
Tests of the server over TCP, TLS and UNIX sockets, and of its faults.
"""
