"""The HTTP server of a `LoopbackReceiver`: it answers what a browser asks, and ends when it is told to."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer
from threading import Condition, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from .loopback_page import HEADERS, page

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[str], tuple[int, bytes]]

MAX_CONNECTIONS = 32
"""Connections that are answered at the same time; further ones are closed."""

REQUEST_TIMEOUT = 10.0
"""Seconds in which a request must have arrived."""

PATIENCE = 5.0
"""Seconds for which the end of the server waits for the last page to be read."""


class LoopbackServer(HTTPServer):
    """An HTTP server with one thread a connection, that can end them all."""

    request_queue_size = MAX_CONNECTIONS
    allow_reuse_address = os.name == "posix"  # elsewhere it would let another program listen on the same port

    def __init__(self, answer: Answer, host: str, port: int) -> None:
        """Listen.

        Args:
            answer: returns the status and the page for the target of a GET.
            host: a loopback host.
            port: 0 for a free one.

        Raises:
            OSError: it cannot be listened on.

        """
        self.answer = answer
        self._changed = Condition()  # guards `_connections`
        self._connections: dict[socket.socket, bool] = {}  # whether the answer is being made
        self._due: dict[socket.socket, float] = {}  # when the request must have arrived; guarded as well
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__(("127.0.0.1" if host == "localhost" else host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the DNS lookup of `HTTPServer`."""
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # pragma: no cover - Windows
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread."""
        with self._changed:
            if len(self._connections) >= MAX_CONNECTIONS:
                self.shutdown_request(request)
                return
            self._connections[request] = False
            self._due[request] = monotonic() + REQUEST_TIMEOUT
        Thread(target=self._serve, args=(request, client_address), name="loopback request", daemon=True).start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            with suppress(OSError, ValueError):  # browsers open connections ahead, and drop them
                self.finish_request(request, client_address)
        finally:
            self.shutdown_request(request)
            with self._changed:
                self._connections.pop(request, None)
                self._due.pop(request, None)
                self._changed.notify_all()

    def answering(self, request: socket.socket) -> None:
        """Note that the request has arrived."""
        with self._changed:
            self._connections[request] = True
            self._due.pop(request, None)

    def service_actions(self) -> None:
        """End connections whose request is late: a timeout of the socket begins anew with each byte that drips in."""
        with self._changed:
            now = monotonic()
            for connection in [connection for connection, due in self._due.items() if due <= now]:
                del self._due[connection]
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def end_connections(self) -> None:
        """Let the answers that are being made go out, and end all other connections."""
        with self._changed:
            self._changed.wait_for(lambda: not any(self._connections.values()), PATIENCE)
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_TIMEOUT
    server_version, sys_version = "loopback", ""
    server: LoopbackServer

    def do_GET(self) -> None:
        self.server.answering(self.connection)
        self._send(*self.server.answer(self.path))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - of the base
        self._send(code, page("Nothing here", "This address is only for the end of a login.", good=False))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing: the URL holds the code."""
