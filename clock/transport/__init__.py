"""
How bytes leave and how connections arrive.
"""
