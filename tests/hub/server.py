"""A Hub in one thread on this machine: enough of its protocol for pushing, loading and downloading models and data.

Both ways that files go to the Hub are spoken: "regular" ones inside the commit, "lfs" ones by a PUT before it. XET is
not.
"""

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

USER = "alice"


@dataclass
class Repo:
    """The files of one repository, by path, and the messages of its commits, oldest first."""

    files: dict[str, bytes] = field(default_factory=dict)
    lfs: set[str] = field(default_factory=set)
    commits: list[str] = field(default_factory=list)

    @property
    def revision(self) -> str:
        state = [*self.commits, *(f"{path} {self.oid(path)}" for path in sorted(self.files))]
        return hashlib.sha1("\n".join(state).encode()).hexdigest()

    def oid(self, path: str) -> str:
        content = self.files[path]
        return sha256(content) if path in self.lfs else hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(ThreadingHTTPServer):
    """Start it with `with Hub(token) as hub`; what was pushed is in `hub.repos`.

    Attributes:
        token: the only one that may write.
        mode: how files are to be sent: "lfs" or "regular".
        spared: how many of the next uploads arrive before others are cut off.
        drops: how many of the uploads after them are cut off in the middle of a file.
        received: every byte of every request body, headers apart.
        requests: method and path of every request.
    """

    daemon_threads = True

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.token = token
        self.mode = "lfs"
        self.spared = self.drops = 0
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.received: list[bytes] = []
        self.requests: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def refuse(self) -> None:
        """Refuse connections from now on; the address stays taken, so that nobody else answers there."""
        self.__exit__()
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()

    def reopen(self) -> None:
        """Listen again after `refuse`."""
        self.server_activate()
        self.__enter__()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class RefusedError(Exception):
    """Ends a request with a status and the Hub's code for it."""


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def do_GET(self) -> None:  # the name that http.server calls
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _answer(self) -> None:
        path = unquote(self.path.split("?")[0]).replace("/api/datasets/", "/api/models/datasets/")
        with self.server.lock:
            self.server.requests.append(f"{self.command} {path}")
        try:
            body = self._body(path)
            for pattern, methods, work in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in methods:
                    work(self, body, *match.groups())
                    return
            raise RefusedError(404, "EntryNotFound")
        except RefusedError as refused:
            status, code = refused.args
            self._send(json.dumps({"error": code}).encode(), status, {"X-Error-Code": code})

    def _body(self, path: str) -> bytes:
        length = int(self.headers.get("Content-Length", 0))
        if length and (self.command == "PUT" or "/commit/" in path) and self._is_cut_off():
            self.rfile.read(length // 2)
            self.connection.close()
            raise ConnectionAbortedError
        body = self.rfile.read(length)
        with self.server.lock:
            self.server.received.append(body)
        return body

    def _is_cut_off(self) -> bool:
        with self.server.lock:
            if self.server.spared:
                self.server.spared -= 1
                return False
            self.server.drops = max(0, (drops := self.server.drops) - 1)
            return drops > 0

    def _send(self, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send_json(self, content: Any) -> None:
        self._send(json.dumps(content).encode())

    def _require_writer(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            raise RefusedError(401, "InvalidToken")

    def _repo(self, name: str) -> Repo:
        if name not in self.server.repos:
            raise RefusedError(404, "RepoNotFound")
        return self.server.repos[name]

    def create(self, body: bytes) -> None:
        self._require_writer()
        wanted = json.loads(body)
        kind = "datasets/" if wanted.get("type") == "dataset" else ""
        name = f"{kind}{wanted.get('organization') or USER}/{wanted['name']}"
        if name in self.server.repos:
            self._send(json.dumps({"url": f"{self.server.url}/{name}"}).encode(), 409)
        else:
            self.server.repos[name] = Repo()
            self._send_json({"url": f"{self.server.url}/{name}"})

    def validate_yaml(self, body: bytes) -> None:
        self._send_json({"errors": [], "warnings": []})

    def preupload(self, body: bytes, name: str, _: str) -> None:
        self._require_writer()
        repo = self._repo(name)
        answers = []
        for file in json.loads(body)["files"]:
            known = repo.oid(file["path"]) if file["path"] in repo.files else None
            answers.append({"path": file["path"], "uploadMode": self.server.mode, "shouldIgnore": False, "oid": known})
        self._send_json({"files": answers})

    def batch(self, body: bytes, name: str) -> None:
        self._require_writer()
        objects = []
        for wanted in json.loads(body)["objects"]:
            upload = {"upload": {"href": f"{self.server.url}/lfs/{wanted['oid']}"}}
            known = wanted["oid"] in self.server.objects
            objects.append({"oid": wanted["oid"], "size": wanted["size"]} | ({} if known else {"actions": upload}))
        self._send_json({"transfer": "basic", "objects": objects})

    def put(self, body: bytes, oid: str) -> None:
        if sha256(body) != oid:
            raise RefusedError(422, "WrongChecksum")
        self.server.objects[oid] = body
        self._send(b"")

    def commit(self, body: bytes, name: str, _: str) -> None:
        self._require_writer()
        repo, lines = self._repo(name), [json.loads(line) for line in body.splitlines()]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
                repo.lfs.discard(value["path"])
            elif line["key"] == "lfsFile":
                repo.files[value["path"]] = self.server.objects[value["oid"]]
                repo.lfs.add(value["path"])
        repo.commits.append(next(line["value"]["summary"] for line in lines if line["key"] == "header"))
        self._send_json(
            {"success": True, "commitOid": repo.revision, "commitUrl": f"{self.server.url}/{name}/commit/x"}
        )

    def info(self, body: bytes, name: str) -> None:
        repo = self._repo(name)
        siblings = [{"rfilename": path} for path in repo.files]
        self._send_json({"id": name, "modelId": name, "sha": repo.revision, "private": False, "siblings": siblings})

    def tree(self, body: bytes, name: str, _: str, folder: str | None) -> None:
        repo, start = self._repo(name), f"{folder}/" if folder else ""
        inside = [path for path in repo.files if path.startswith(start)]
        if start and not inside:
            raise RefusedError(404, "EntryNotFound")
        folders = {
            path[:end] for path in inside for end, letter in enumerate(path) if letter == "/" and end > len(start)
        }
        entries = [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in sorted(folders)]
        entries += [{"type": "file", "path": p, "oid": repo.oid(p), "size": len(repo.files[p])} for p in inside]
        deep = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0].lower() == "true"
        self._send_json([entry for entry in entries if deep or "/" not in entry["path"][len(start) :]])

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> None:
        repo = self._repo(name)
        if revision not in ("main", repo.revision):
            raise RefusedError(404, "RevisionNotFound")
        if path not in repo.files:
            raise RefusedError(404, "EntryNotFound")
        headers = {"ETag": f'"{repo.oid(path)}"', "X-Repo-Commit": repo.revision}
        self._send(repo.files[path], headers=headers | {"Content-Type": "application/octet-stream"})


NAME, REVISION = r"((?:datasets/)?[^/]+/[^/]+)", r"([^/]+)"
ROUTES: list[tuple[str, tuple[str, ...], Callable[..., None]]] = [
    (r"/api/repos/create", ("POST",), Handler.create),
    (r"/api/validate-yaml", ("POST",), Handler.validate_yaml),
    (rf"/api/models/{NAME}/preupload/{REVISION}", ("POST",), Handler.preupload),
    (rf"/{NAME}\.git/info/lfs/objects/batch", ("POST",), Handler.batch),
    (r"/lfs/([0-9a-f]{64})", ("PUT",), Handler.put),
    (rf"/api/models/{NAME}/commit/{REVISION}", ("POST",), Handler.commit),
    (rf"/api/models/{NAME}(?:/revision/[^/]+)?", ("GET",), Handler.info),
    (rf"/api/models/{NAME}/tree/{REVISION}(?:/(.*))?", ("GET",), Handler.tree),
    (rf"/{NAME}/resolve/{REVISION}/(.+)", ("GET", "HEAD"), Handler.resolve),
]
