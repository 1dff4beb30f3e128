"""The lines of a requirements.txt, with those of the files that it includes."""

import posixpath
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from kraftwerk.errors import KraftwerkError

INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)[\s=]*(\S+)")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FROM_REPOSITORY = re.compile(r"(-e|--editable)[\s=]*(git|hg|svn|bzr)\+")
FROM_FOLDER = re.compile(r"(-e|--editable)\b|\.{1,2}(/|$|\[)|/|file:|[\w.-]+(\[[^]]*\])?\s*@\s*file:")


def read_lines(root: Path, file: str, files: list[str], where: str = "") -> Iterator[str]:
    """Yield a requirements file's lines without comments, included ones in their place; constraints begin with `-c`.

    Args:
        root: the project's folder.
        file: the file's path in it.
        files: the files read so far; this one and those that it includes are added.
        where: the file and line that includes this one, for messages.

    Raises:
        KraftwerkError: an included file is missing, or outside of the project (code 2).
    """
    if file in files:
        return
    if file.startswith(("../", "/")):
        raise KraftwerkError(f"{where}: {file} is outside of the project, so it would not be uploaded", code=2)
    if not (root / file).is_file():
        raise KraftwerkError(f"{where}: there is no {file}", code=2)
    files.append(file)
    for number, raw in enumerate(re.sub(r"\s*\\\n\s*", " ", (root / file).read_text()).splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        include = INCLUDE.match(line)
        if include:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(file), include[2]))
            mark = "-c " if include[1] in ("-c", "--constraint") else ""
            yield from (mark + found for found in read_lines(root, path, files, f"{file}:{number}"))
        elif line:
            yield line


def normal(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bracketed(extras: Collection[str]) -> str:
    """Return extras as they stand behind a name: `[redis,s3]`; empty for none."""
    return f"[{','.join(extras)}]" if extras else ""


def package_name(line: str) -> str:
    """Return the package that a line requires, normalized; empty for options and folders."""
    found = NAME.match(line)
    return normal(found[0]) if found and not is_local(line) else ""


def is_local(line: str) -> bool:
    """Tell whether a line requires a file or folder of this machine."""
    return bool(FROM_FOLDER.match(line)) and not FROM_REPOSITORY.match(line)
