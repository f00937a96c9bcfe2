"""A real server on this machine that fails in the ways that servers do."""

import re
import time
from http.server import BaseHTTPRequestHandler

import numpy as np

CONTENT = np.random.RandomState(0).bytes(3_000_000)
PATIENCE = 0.1  # seconds until a stalled connection counts as dead


class Handler(BaseHTTPRequestHandler):
    """Answers each request with the next of the server's acts, the last one again and again."""

    def do_GET(self):
        self.server.requests.append(self.headers.get("Range"))
        act = self.server.acts.pop(0) if len(self.server.acts) > 1 else self.server.acts[0]
        getattr(self, act)()

    def log_message(self, *args):
        pass

    def _send(self, content, code=200, length=None, **headers):
        self.send_response(code)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def serve(self):
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if not start:
            self._send(self.server.content)
        elif int(start[1]) >= len(self.server.content):
            self._send(b"", 416)
        else:
            self._send(
                self.server.content[int(start[1]) :],
                206,
                Content_Range=f"bytes {start[1]}-{len(self.server.content) - 1}/{len(self.server.content)}",
            )

    def whole(self):  # refuses ranges
        self._send(self.server.content)

    def truncate(self):
        self._send(self.server.content[:2_000_000], length=len(self.server.content))
        self.close_connection = True

    def truncate_without_length(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content[:2_000_000])

    def stall(self):
        self._send(self.server.content[:1_000_000], length=len(self.server.content))
        self.wfile.flush()
        time.sleep(3 * PATIENCE)

    def trickle(self):
        self._drop_by_drop(self.server.content, before=f"HTTP/1.0 200 OK\r\nContent-Length: {len(self.server.content)}\r\n\r\n".encode())

    def trickle_headers(self):
        self._drop_by_drop(b"HTTP/1.0 200 OK\r\nX: " + b"x" * 1000)

    def _drop_by_drop(self, content, before=b""):
        self.wfile.write(before)
        for number in range(100):
            self.wfile.write(content[number : number + 1])
            self.wfile.flush()
            time.sleep(PATIENCE / 10)

    def endless(self):  # without a length
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(bytes(1 << 20))

    def without_length(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content)

    def longer(self):  # than it announces
        self._send(self.server.content + b"more", length=len(self.server.content))
        self.close_connection = True

    def huge(self):
        self._send(b"", length=1 << 60)

    def to_a_file(self):
        self._send(b"", 302, Location="file:///etc/passwd")

    def slow(self):
        time.sleep(1)  # longer than the other process takes to start its download
        self._send(self.server.content)

    def wrong(self):
        self._send(self.server.content[:-1] + b"?")

    def other_range(self):
        self._send(self.server.content[5:], 206, Content_Range=f"bytes 5-{len(self.server.content) - 1}/{len(self.server.content)}")

    def redirect(self):
        self._send(b"", 302, Location="/elsewhere")

    def forever(self):
        self._send(b"", 302, Location=self.path)

    def busy(self):
        self._send(b"", 503)

    def gone(self):
        self._send(b"", 404)

    def nonsense(self):
        self.wfile.write(b"this is not HTTP\r\n\r\n")
