"""
A clock server: it sends every client the time, one line a second.
"""
