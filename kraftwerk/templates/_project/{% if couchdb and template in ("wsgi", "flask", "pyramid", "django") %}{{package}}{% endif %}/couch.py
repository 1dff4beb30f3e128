"""CouchDB, over HTTP. On a node COUCHDB_URL says where it is, and this site's databases begin with COUCHDB_PREFIX."""

import os
from functools import cache

import httpx


@cache
def client() -> httpx.Client | None:
    """Return the client for CouchDB, None on a machine without one: `client().get("/" + name()).json()`."""
    url = os.environ.get("COUCHDB_URL")
    return httpx.Client(base_url=url, timeout=10) if url else None


def name(database: str = "main") -> str:
    """Return the whole name of one of this site's databases; the first deploy made `main`."""
    return os.environ.get("COUCHDB_PREFIX", "") + database


def check() -> str:
    """Return how many documents the main database has."""
    server = client()
    if server is None:
        return "none on this machine"
    return f"{server.get('/' + name()).raise_for_status().json()['doc_count']} documents"
