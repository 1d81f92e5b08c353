"""Serves requests on a loopback port, over HTTP/1.1, one thread per connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from requests.structures import CaseInsensitiveDict

from .http import Request, Response, TimedOut

if TYPE_CHECKING:
    from .in_process import Handler


class LoopbackServer:
    """A handler of requests that listens on 127.0.0.1, on a free port."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        """Listen at once, on a free port unless one is given."""
        self._http = _Listener(("127.0.0.1", port), _bind(handler))
        self.origin = f"http://127.0.0.1:{self._http.server_port}"
        self._http.origin = self.origin
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and close every connection."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    origin = ""

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections_lock = threading.Lock()  # guards _connections
        self._connections: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:  # clients that keep theirs alive would keep our threads alive
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave early; they do in tests of timeouts."""


class _Connection(BaseHTTPRequestHandler):
    """Reads requests, writes responses. `_bind` makes the subclass that knows who answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener
    answer: Handler

    def handle_any(self) -> None:
        url = self.path if "://" in self.path else self.server.origin + self.path
        headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        for name, value in self.headers.items():
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        try:
            response = self.answer(Request(self.command, url, headers, self.read_body()))
        except TimedOut:
            self.close_connection = True
        else:
            self.write(response)

    def __getattr__(self, name: str) -> Any:
        """Handle all methods alike: `http.server` looks for `do_GET`, `do_POST`..."""
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            """Trailers are of no interest."""
        return body

    def write(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        length = response.header("Content-Length")
        if length is None and isinstance(response.body, bytes):
            length = str(len(response.body))
            self.send_header("Content-Length", length)
        if not isinstance(response.body, bytes) or length != str(len(response.body)):
            # no length, or a false one: the end of the connection is the end of the body
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            for chunk in response.chunks():
                self.wfile.write(chunk)

    def log_message(self, *args: Any) -> None:
        """Print nothing: `server.requests` is the log."""


def _bind(handler: Handler) -> type[BaseHTTPRequestHandler]:
    return type("Connection", (_Connection,), {"answer": staticmethod(handler)})
