"""
The proxy on this side: which one is used, and the tunnel through it.
"""
