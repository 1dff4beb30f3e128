"""Where the database is: DATABASE_URL says it on a node; elsewhere it is db.sqlite3 in this project."""

import os
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL, make_url

DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


def address() -> URL:
    """Return the database's address, as SQLAlchemy takes it."""
    url = make_url(os.environ.get("DATABASE_URL") or f"sqlite:///{Path('db.sqlite3').absolute()}")
    host = unquote(url.host) if url.host else None  # a folder, where it is reached by a Unix socket
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername), host=host)
