"""A rich data set for a MariaDB on a node, and all that is in a database, as text."""

import re
from pathlib import Path

HERE = Path(__file__).parent / "integration" / "mysql"


def fill(node, database):
    """Make the data set in an empty database, by root: what root has made belongs to whoever loads it."""
    node.run(["mariadb", "--default-character-set=utf8mb4", database], input=(HERE / "contents.sql").read_bytes())


def contents(node, database):
    """Return all that is in a database, with one name for whoever made a view."""
    answer = node.run(["python3", "-", database], input=(HERE / "everything.py").read_bytes()).stdout.decode()
    return re.sub(r"DEFINER=`(root|web-rich)`@`localhost`", "DEFINER=somebody", answer)
