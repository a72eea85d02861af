"""
Streams behind URLs: HTTP bodies, server-sent events and WebSocket messages.
"""
