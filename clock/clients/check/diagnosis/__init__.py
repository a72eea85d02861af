"""
What usually causes what was seen of a stream.
"""
