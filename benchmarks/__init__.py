"""
The clock beside its peers: what a line costs, and how old it is on arrival.
"""
