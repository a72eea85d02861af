"""
Tests for L{clock.clients.check}.
"""
