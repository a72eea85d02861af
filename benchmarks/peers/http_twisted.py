"""
An event stream on twisted.web, with a LoopingCall and request.write for each client.
"""

import time
from itertools import count

from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site


class Events(Resource):
    """
    Send the time to each client until it disconnects.
    """

    isLeaf = True

    def render_GET(self, request: Request) -> int:
        """
        Begin to send to one client.
        """
        request.setHeader("Content-Type", "text/event-stream")
        request.setHeader("Cache-Control", "no-cache")
        numbers = count()

        def tell() -> None:
            now = time.strftime("%H:%M:%S")
            request.write(f"id: {next(numbers)}\ndata: {now}\n\n".encode())

        loop = LoopingCall(tell)
        loop.start(1)
        request.notifyFinish().addErrback(lambda _: loop.stop())
        return NOT_DONE_YET


root = Resource()
root.putChild(b"events", Events())
port = reactor.listenTCP(0, Site(root), backlog=4096, interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
