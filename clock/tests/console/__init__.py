"""
Tests for L{clock.console}.
"""
