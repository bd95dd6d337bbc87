"""A web server for tests: files of one folder, with ranges or deliberately without, its answers counted."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Served:
    """A running server."""

    url: str
    bytes: int = 0
    """Of bodies sent."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Range) of each request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of each request."""


@contextmanager
def serving(
    folder: Path, *, ranges: bool = True, moved: dict[str, str] | None = None, cut: bool = False
) -> Iterator[Served]:
    """Serve a folder. moved: path to where it is redirected; cut: hang up after each answer, unannounced."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            served.asked.append((self.path, self.headers.get("Range")))
            served.headers.append(dict(self.headers.items()))
            path = unquote(urlsplit(self.path).path)
            if moved and path in moved:
                self._send(302, b"", {"Location": moved[path]})
                return
            file = folder / path.lstrip("/")
            if not file.is_file():
                self._send(404, b"gone", {})
                return
            data = file.read_bytes()
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if not ranges or span is None:
                self._send(200, data, {})
                return
            first, last = int(span[1]), min(int(span[2]), len(data) - 1)
            if first >= len(data):
                self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            self._send(206, data[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(data)}"})
            if cut:
                self.close_connection = True

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            served.bytes += len(body)
            try:
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                return  # the client has seen enough

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
