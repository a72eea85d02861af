"""
Tests of the clock over HTTP, and of its page.
"""
