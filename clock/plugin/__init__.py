"""
The plugin C{twistd clock}: its options, its service and what it changes in the
process.
"""
