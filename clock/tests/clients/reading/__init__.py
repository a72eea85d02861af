"""
Tests for L{clock.clients.reading}.
"""
