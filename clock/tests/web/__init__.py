"""
Tests for L{clock.web}.
"""
