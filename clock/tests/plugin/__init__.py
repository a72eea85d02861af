"""
Tests for L{clock.plugin}.
"""
