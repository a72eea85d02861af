"""
Tests for L{clock.transport}.
"""
