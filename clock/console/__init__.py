"""
What the commands share: options, text, output and the reactor.
"""
