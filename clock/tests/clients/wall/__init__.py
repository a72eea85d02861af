"""
Tests for L{clock.clients.wall}.
"""
