"""A stand-in for the Hugging Face Hub: the endpoints by which its client makes a dataset, lists, sends, commits, reads.

Regular files travel within the commit, others by LFS before it (basic transfer); a commit is whole or none. Written
from what huggingface_hub 2.4.0 asks for.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_stand_in"


@dataclass
class Hub:
    """A running stand-in, with one branch a dataset."""

    url: str
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Dataset to the files of its branch `main`."""
    heads: dict[str, str] = field(default_factory=dict)
    """Dataset to the branch's commit."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    """LFS objects by sha256, committed or not."""
    sent: list[str] = field(default_factory=list)
    """Paths of the files of each commit, `-` before those that it removed."""
    uploaded: list[int] = field(default_factory=list)
    """Bytes of each LFS upload."""
    commits: int = 0
    on_upload: Callable[[int], None] = lambda _: None
    """Called with the number of LFS uploads so far, before one is kept."""

    def commit(self, name: str, lines: list[dict[str, Any]]) -> str | None:
        """The new head; None where the parent is another."""
        parent = lines[0]["value"].get("parentCommit")
        if parent is not None and parent != self.heads[name]:
            return None
        files = dict(self.files[name])
        for line in lines[1:]:
            kind, value = line["key"], line["value"]
            if kind == "deletedFile":
                del files[value["path"]]
                self.sent.append(f"-{value['path']}")
                continue
            data = base64.b64decode(value["content"]) if kind == "file" else self.blobs[value["oid"]]
            files[value["path"]] = data
            self.sent.append(value["path"])
        self.files[name], self.commits = files, self.commits + 1
        self.heads[name] = hashlib.sha1(f"{name} {self.commits}".encode()).hexdigest()
        return self.heads[name]


def is_large(path: str, size: int) -> bool:
    """As the Hub decides by .gitattributes and size: text stays in git."""
    return size > 0 and not path.endswith((".json", ".md", ".cff", ".txt", ".gitattributes"))


def oid_of(path: str, data: bytes) -> str:
    """As the Hub knows a file: sha256 of an LFS object, else git's blob."""
    if is_large(path, len(data)):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def hub() -> Iterator[Hub]:
    """Run the stand-in."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if found := re.fullmatch(r"/api/datasets/([\w.-]+/[\w.-]+)(?:/revision/(\w+))?", path):
                self._info(found[1])
            elif found := re.fullmatch(r"/api/datasets/([\w.-]+/[\w.-]+)/tree/(\w+)(?:/(.*))?", path):
                self._tree(found[1], found[3] or "", recursive="recursive=true" in self.path.lower())
            elif found := re.fullmatch(r"/datasets/([\w.-]+/[\w.-]+)/resolve/(\w+)/(.*)", path):
                self._resolve(found[1], found[3])
            elif found := re.fullmatch(r"/lfs/(\w+)", path):
                self._ranged(state.blobs[found[1]], found[1])
            else:
                self._fail(404, "EntryNotFound")

        do_HEAD = do_GET  # noqa: N815

        def do_POST(self) -> None:
            body, path = self.rfile.read(int(self.headers["Content-Length"])), urlsplit(self.path).path
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._fail(401, "")
            elif path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                if name in state.files:
                    self._json({"url": f"{state.url}/datasets/{name}"}, 409)
                    return
                state.files[name] = {".gitattributes": b"* filter=lfs\n"}
                state.heads[name] = hashlib.sha1(name.encode()).hexdigest()
                self._json({"url": f"{state.url}/datasets/{name}"})
            elif path == "/api/validate-yaml":
                self._json({"errors": [], "warnings": []})
            elif found := re.fullmatch(r"/api/datasets/(.*)/preupload/(\w+)", path):
                self._json({"files": [self._mode(found[1], file) for file in json.loads(body)["files"]]})
            elif re.fullmatch(r"/datasets/(.*)\.git/info/lfs/objects/batch", path):
                self._json(
                    {"transfer": "basic", "objects": list(map(self._object, json.loads(body)["objects"]))}
                )
            elif found := re.fullmatch(r"/api/datasets/(.*)/commit/(\w+)", path):
                head = state.commit(found[1], [json.loads(line) for line in body.splitlines()])
                if head is None:
                    self._fail(412, "")
                    return
                self._json({"commitUrl": f"{state.url}/datasets/{found[1]}/commit/{head}", "commitOid": head})
            else:
                self._fail(404, "EntryNotFound")

        def do_PUT(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            state.on_upload(len(state.uploaded))
            state.uploaded.append(len(data))
            state.blobs[hashlib.sha256(data).hexdigest()] = data
            self._json({})

        def _info(self, name: str) -> None:
            if name not in state.files:
                self._fail(404, "RepoNotFound")
                return
            self._json({"id": name, "sha": state.heads[name], "private": False, "tags": [], "downloads": 0})

        def _tree(self, name: str, folder: str, *, recursive: bool) -> None:
            if name not in state.files:
                self._fail(404, "RepoNotFound")
                return
            below = f"{folder}/" if folder else ""
            entries: dict[str, dict[str, Any]] = {}
            for path, data in sorted(state.files[name].items()):
                if not path.startswith(below):
                    continue
                parts = path.removeprefix(below).split("/")
                for depth in range(1, len(parts)):
                    inner = below + "/".join(parts[:depth])
                    if recursive or depth == 1:
                        entries[inner] = {"type": "directory", "path": inner, "oid": "0" * 40, "size": 0}
                if recursive or len(parts) == 1:
                    entries[path] = {
                        "type": "file",
                        "path": path,
                        "oid": oid_of(path, data),
                        "size": len(data),
                    }
            if folder and not entries:
                self._fail(404, "EntryNotFound")
                return
            self._json(list(entries.values()))

        def _resolve(self, name: str, path: str) -> None:
            data = state.files.get(name, {}).get(path)
            if data is None:
                self._fail(404, "EntryNotFound")
            elif is_large(path, len(data)):
                self._send(302, b"", {"Location": f"{state.url}/lfs/{oid_of(path, data)}"})
            else:
                self._ranged(data, oid_of(path, data))

        def _ranged(self, data: bytes, etag: str) -> None:
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if span is None:
                self._send(200, data, {"ETag": f'"{etag}"'})
                return
            first, last = int(span[1]), min(int(span[2]), len(data) - 1)
            if first >= len(data):
                self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            told = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "ETag": f'"{etag}"'}
            self._send(206, data[first : last + 1], told)

        def _mode(self, name: str, file: dict[str, Any]) -> dict[str, Any]:
            there = state.files[name].get(file["path"])
            return {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(file["path"], file["size"]) else "regular",
                "shouldIgnore": False,
                "oid": None if there is None else oid_of(file["path"], there),
            }

        def _object(self, one: dict[str, Any]) -> dict[str, Any]:
            if one["oid"] in state.blobs:
                return one
            return {**one, "actions": {"upload": {"href": f"{state.url}/lfs/{one['oid']}"}}}

        def _json(self, document: Any, status: int = 200) -> None:
            self._send(status, json.dumps(document).encode(), {"Content-Type": "application/json"})

        def _fail(self, status: int, code: str) -> None:
            self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code or "refused"})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(b"" if self.command == "HEAD" else body)
            except (BrokenPipeError, ConnectionResetError):
                return  # the client was killed

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
