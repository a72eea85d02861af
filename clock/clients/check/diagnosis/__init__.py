"""
What was seen on a stream, and what usually causes it.
"""
