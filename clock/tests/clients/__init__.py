"""
Tests for L{clock.clients}.
"""
