"""A web server for tests: files of one folder, with ranges or deliberately without, its answers counted."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

Validator = Literal["none", "etag", "deaf etag", "weak etag", "date"]
"""What a server tells of a file's version; a deaf one tells ETags and takes no If-Match."""


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
    folder: Path, *, ranges: bool = True, moved: dict[str, str] | None = None, cut: bool = False,
    validator: Validator = "none", busy: Callable[[int], tuple[int, Mapping[str, str]] | None] | None = None,
    stuck: bool = False,
) -> Iterator[Served]:  # fmt: skip
    """Serve a folder. moved: path to where it is redirected; cut: hang up after each answer, unannounced.

    busy: by a request's number (from 0), what to answer instead; None is an answer as ever. stuck: a body's last byte
    never comes.
    """
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            instead = busy(len(served.asked)) if busy else None
            served.asked.append((self.path, self.headers.get("Range")))
            served.headers.append(dict(self.headers.items()))
            path = unquote(urlsplit(self.path).path)
            file = folder / path.lstrip("/")
            if instead is not None:
                self._send(instead[0], b"", dict(instead[1]))
            elif moved and path in moved:
                self._send(302, b"", {"Location": moved[path]})
            elif not file.is_file():
                self._send(404, b"gone", {})
            elif validator == "etag" and self.headers.get("If-Match") not in (
                None,
                validator_headers(file, "etag")["ETag"],
            ):
                self._send(412, b"", {})
            else:
                self._send_file(file)

        def _send_file(self, file: Path) -> None:
            data, tags = file.read_bytes(), validator_headers(file, validator)
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if not ranges or span is None:
                self._send(200, data, tags)
                return
            first, last = int(span[1]), min(int(span[2]), len(data) - 1)
            if first >= len(data):
                self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            tags = {**tags, "Content-Range": f"bytes {first}-{last}/{len(data)}"}
            self._send(206, data[first : last + 1], tags)
            if cut:
                self.close_connection = True

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            served.bytes += len(body)
            try:
                self.wfile.write(body[:-1] if stuck else body)
                if stuck and body:
                    done.wait()
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
        done.set()
        server.shutdown()
        thread.join()
        server.server_close()


def validator_headers(file: Path, validator: Validator) -> dict[str, str]:
    """The headers by which a server tells one version of a file from another."""
    facts = file.stat()
    tag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"'
    if validator == "date":
        return {"Last-Modified": formatdate(facts.st_mtime, usegmt=True)}
    return {"none": {}, "etag": {"ETag": tag}, "deaf etag": {"ETag": tag}, "weak etag": {"ETag": f"W/{tag}"}}[
        validator
    ]
