"""
The client side of HTTP/2, for one request on a connection.
"""
