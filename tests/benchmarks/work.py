"""The work that all tools do: resources as data, and what a node that has them looks like.

Each tool's own file (peers/) says them in that tool's language, one resource of it for each of these.
"""

import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = "/srv/bench"
UNDO = f"""
rm -rf {ROOT} {ROOT}-files
mkdir {ROOT}-files
sed -i /BENCH/d /etc/environment
userdel bench 2>/dev/null || :
groupdel bench 2>/dev/null || :
"""  # takes from a node what works bring; what belongs to Debian stays


@dataclass(frozen=True)
class Resource:
    """One thing that shall be so on a node.

    Attributes:
        kind: package, group, user, folder, file, template, link, line, service or once (a command, unless `name` is).
        name: the package, the user, the path …
        content: of a file; of a template before it is rendered; the line; the link's target; the command.
        result: of a template when it is rendered.
    """

    kind: str
    name: str
    content: str = ""
    result: str = ""

    @property
    def title(self) -> str:
        """Return what a tool calls it."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Work:
    """Resources with the folder that holds the sources of their files.

    Attributes:
        name: by which tools call it.
        values: what templates are rendered with.
    """

    name: str
    resources: tuple[Resource, ...]
    values: Mapping[str, str] = field(default_factory=dict)

    def source(self, resource: Resource) -> str:
        """Return the name of the file that a resource's content is in."""
        return f"{self.name}-{self.resources.index(resource)}"

    def write(self, folder: Path) -> None:
        """Write the sources of files and templates."""
        folder.mkdir(parents=True, exist_ok=True)
        for resource in self.resources:
            if resource.kind in ("file", "template"):
                (folder / self.source(resource)).write_text(resource.content)


def fifteen() -> Work:
    """Return what a small server's configuration is made of: fifteen resources of ten kinds."""
    values = {"first_port": "8080", "title": "bench"}
    template = "# {{ title }}\n{% for number in range(3) %}listen {{ first_port }}{{ number }}; {% endfor %}# the end\n"
    rendered = "# bench\nlisten 80800; listen 80801; listen 80802; # the end\n"
    resources = (
        Resource("package", "openssh-server"),
        Resource("package", "ca-certificates"),
        Resource("group", "bench"),
        Resource("user", "bench"),
        Resource("folder", ROOT),
        Resource("folder", f"{ROOT}/conf.d"),
        *(Resource("file", f"{ROOT}/conf.d/{number}.conf", f"number = {number}\n" * 40) for number in range(3)),
        *(Resource("template", f"{ROOT}/{name}.ini", template, rendered) for name in ("web", "worker")),
        Resource("link", f"{ROOT}/current", f"{ROOT}/conf.d"),
        Resource("line", "/etc/environment", "BENCH=1"),
        Resource("service", "ssh"),
        Resource("once", f"{ROOT}/made", f"touch {ROOT}/made"),
    )
    return Work("fifteen", resources, values)


def hundred() -> Work:
    """Return a hundred files of one kilobyte."""
    paths = (f"{ROOT}-files/{number:03}.conf" for number in range(100))
    return Work("hundred", tuple(Resource("file", path, f"{path} = {'x' * 40}\n" * 16) for path in paths))


def look(work: Work) -> str:
    """Return a script that prints what of a work is on a node, one line for each resource."""
    return "\n".join(LOOKS[resource.kind](shlex.quote(resource.name), resource) for resource in work.resources) + "\n"


def wanted(work: Work) -> list[str]:
    """Return the lines that `look` prints on a node that has it all."""
    return [WANTED[resource.kind](resource) for resource in work.resources]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_FILE = "stat -c '%a %U' {0}; sha256sum <{0} | cut -d' ' -f1"


def _on_one_line(*commands: str) -> str:
    """Return commands whose output becomes one line."""
    return f"echo $( {{ {'; '.join(commands)}; }} 2>/dev/null)"


LOOKS: Mapping[str, Callable[[str, Resource], str]] = {
    "package": lambda name, _: _on_one_line(f"dpkg-query -W -f '${{db:Status-Abbrev}}' {name}"),
    "group": lambda name, _: _on_one_line(f"getent group {name} | cut -d: -f1"),
    "user": lambda name, _: _on_one_line(f"id -ng {name}", f"getent passwd {name} | cut -d: -f7"),
    "folder": lambda name, _: _on_one_line(f"stat -c '%F %a %U' {name}"),
    "file": lambda name, _: _on_one_line(_FILE.format(name)),
    "template": lambda name, _: _on_one_line(_FILE.format(name)),
    "link": lambda name, _: _on_one_line(f"readlink {name}"),
    "line": lambda name, resource: _on_one_line(f"grep -cx {shlex.quote(resource.content)} {name}"),
    "service": lambda name, _: _on_one_line(f"systemctl is-active {name}", f"systemctl is-enabled {name}"),
    "once": lambda name, _: _on_one_line(f"test -e {name} && echo there"),
}
WANTED: Mapping[str, Callable[[Resource], str]] = {
    "package": lambda _: "ii",
    "group": lambda resource: resource.name,
    "user": lambda _: "bench /bin/bash",
    "folder": lambda _: "directory 755 root",
    "file": lambda resource: f"644 root {_digest(resource.content)}",
    "template": lambda resource: f"644 root {_digest(resource.result)}",
    "link": lambda resource: resource.content,
    "line": lambda _: "1",
    "service": lambda _: "active enabled",
    "once": lambda _: "there",
}
