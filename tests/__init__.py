"""
Tests of real processes on real sockets, with real clients and a real browser.
"""
