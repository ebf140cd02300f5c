"""A hub on this machine, as far as a push asks it: repositories, trees, LFS, commits; it can be as bad as real ones.

with serving() as hub:
    hub.faults.append(Fault("POST", "/commit/", 500))         # once
    hub.repositories["org/rows"].files["main"]                # -> {"README.md": b"…", …}
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "x" * 34
REPOSITORY = r"/api/(?P<kind>models|datasets)/(?P<name>[^/]+/[^/]+)"


@dataclass
class Fault:
    """What the hub does wrong, so many times, with requests of a method whose path holds a text. Status 0: it hangs up.

    `after`: it does what was asked, and is wrong then.
    """

    method: str
    path: str
    status: int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""
    after: bool = False


@dataclass
class Repository:
    """Its files by branch, and the branches' commits."""

    kind: str
    private: bool
    files: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {".gitattributes": b"* text"}})
    lfs: set[str] = field(default_factory=set)

    def head(self, branch: str) -> str:
        return hashlib.sha1(repr(sorted(self.files[branch].items())).encode()).hexdigest()

    def branch_of(self, revision: str) -> str | None:
        heads = {self.head(branch): branch for branch in reversed(self.files)}
        return revision if revision in self.files else heads.get(revision)


@dataclass
class FakeHub:
    """What the server has, and what it was asked."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    commits: int = 0
    xorbs: int = 0

    def uploads(self) -> int:
        """How many large files were sent."""
        return sum(method == "PUT" for method, _ in self.requests)


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.handle_it("GET")

    def do_POST(self) -> None:
        self.handle_it("POST")

    def do_PUT(self) -> None:
        self.handle_it("PUT")

    def handle_it(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((method, path))
        fault = next((f for f in self.hub.faults if f.times and f.method == method and f.path in path), None)
        if fault is not None:
            fault.times -= 1
            if fault.after:
                self.answer(method, path, body)
            if not fault.status:
                self.close_connection = True
                self.connection.close()
                return
            self.say(
                fault.status,
                {"error": fault.message or "no", "url": f"{self.hub.url}/datasets/org/rows"},
                fault.headers,
            )
            return
        status, content, headers = self.answer(method, path, body)
        self.say(status, content, headers)

    def say(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        if path.startswith("/lfs/"):
            self.hub.blobs[path.rpartition("/")[2]] = body
            return 200, {}, {"etag": "x"}
        if path.startswith("/cas/"):
            return self.store_chunks(path, body)
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid username or password."}, {}
        if path == "/api/whoami-v2":
            return 200, {"name": "ann", "type": "user", "auth": {}}, {}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}, {}
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if match := re.fullmatch(r"/(?:datasets/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            return self.batch(json.loads(body))
        match = re.match(REPOSITORY, path)
        repository = self.hub.repositories.get(match["name"]) if match else None
        if match is None or repository is None or not match["kind"].startswith(repository.kind):
            return 404, {"error": "Repository not found"}, {"x-error-code": "RepoNotFound"}
        return self.of_repository(repository, match["name"], path[match.end() :], body)

    def create(self, asked: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repositories:
            return 409, {"error": "You already created this repo", "url": name}, {}
        self.hub.repositories[name] = Repository(asked.get("type", "model"), asked.get("visibility") == "private")
        return 200, {"url": f"{self.hub.url}/{name}", "name": name}, {}

    def batch(self, asked: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        objects = []
        for entry in asked["objects"]:
            upload = {"upload": {"href": f"{self.hub.url}/lfs/{entry['oid']}"}}
            objects.append(entry if entry["oid"] in self.hub.blobs else entry | {"actions": upload})
        return 200, {"transfer": "basic", "objects": objects}, {}

    def of_repository(
        self, repository: Repository, name: str, path: str, body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        word, _, revision = path.strip("/").partition("/")
        branch = repository.branch_of(revision or "main")
        if word in ("", "revision"):
            return 200, {"id": name, "sha": repository.head(branch or "main"), "private": repository.private}, {}
        if word == "refs":
            heads = [
                {"name": b, "ref": f"refs/heads/{b}", "targetCommit": repository.head(b)} for b in repository.files
            ]
            return 200, {"branches": heads, "tags": [], "converts": []}, {}
        if word == "branch":
            repository.files[revision] = dict(repository.files["main"])
            return 200, {}, {}
        if branch is None:
            return 404, {"error": "no such revision"}, {"x-error-code": "RevisionNotFound"}
        if word == "tree":
            return 200, [entry_of(repository, *item) for item in repository.files[branch].items()], {}
        if word == "preupload":
            files = [
                {"path": f["path"], "shouldIgnore": False, "uploadMode": "lfs" if is_large(f["path"]) else "regular"}
                for f in json.loads(body)["files"]
            ]
            return 200, {"files": files}, {}
        if word == "xet-write-token":
            expiry = int(time.time()) + 3600
            return 200, {"accessToken": "cas", "exp": expiry, "casUrl": f"{self.hub.url}/cas"}, {}
        assert word == "commit", path
        return self.commit(repository, name, branch, [json.loads(line) for line in body.splitlines()])

    def store_chunks(self, path: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        """Take what Xet sends: blocks of chunks (xorbs), and which file is made of which (shards)."""
        if "/xorbs/" in path:
            self.hub.xorbs += 1
            return 200, {"was_inserted": True}, {}
        if path.endswith("/v1/shards"):
            return 200, {"result": 1}, {}
        return 404, {"error": "no such chunk"}, {}

    def commit(
        self, repository: Repository, name: str, branch: str, lines: list[dict[str, Any]]
    ) -> tuple[int, Any, dict[str, str]]:
        header = lines[0]["value"]
        if header.get("parentCommit") not in (None, repository.head(branch)):
            return 412, {"error": "A commit has happened since. Please refresh and try again."}, {}
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                repository.files[branch][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                # Xet's blocks are not put together again here.
                repository.files[branch][value["path"]] = self.hub.blobs.get(value["oid"], b"")
                repository.lfs.add(value["path"])
            else:
                del repository.files[branch][value["path"]]
        self.hub.commits += 1
        oid = repository.head(branch)
        return 200, {"success": True, "commitOid": oid, "commitUrl": f"{self.hub.url}/{name}/commit/{oid}"}, {}


def is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".parquet"))


def entry_of(repository: Repository, path: str, content: bytes) -> dict[str, Any]:
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry = {"type": "file", "oid": oid, "size": len(content), "path": path}
    if path in repository.lfs:
        entry |= {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}}
    return entry


@contextmanager
def serving() -> Iterator[FakeHub]:
    """Run a hub until the end."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneHub", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
