"""Ansible: a play of one task per resource, with the settings that its manual has for speed."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from tests.benchmarks.lab import BENCH
from tests.benchmarks.peers.peer import Peer
from tests.benchmarks.work import Resource, Work

SETTINGS = """[defaults]
inventory = {folder}/inventory
forks = 32
gathering = explicit
interpreter_python = /usr/bin/python3
[ssh_connection]
pipelining = True
ssh_args = -F {ssh_config} -o ControlMaster=auto -o ControlPersist=60s
control_path_dir = {folder}/cp
"""
RECAP = re.compile(r"^(\S+) +: ok=(\d+) +changed=(\d+) +unreachable=0 +failed=0", re.MULTILINE)


class Ansible(Peer):
    """ansible-core."""

    name = "ansible"

    def prepare(self, works: Sequence[Work]) -> None:
        self.write("ansible.cfg", SETTINGS.format(folder=self.folder, ssh_config=self.lab.folder / "ssh_config"))
        self.write("inventory", "\n".join(self.lab.hosts()) + "\n")
        for work in works:
            tasks = (
                [self._loop(work)] if work.name == "hundred" else [self._task(work, each) for each in work.resources]
            )
            self.write(f"{work.name}.yml", yaml.safe_dump([{"hosts": "all", "tasks": tasks}], sort_keys=False))

    def _task(self, work: Work, resource: Resource) -> dict[str, Any]:
        module, options = TASKS[resource.kind](resource, f"{self.lab.sources}/{work.source(resource)}")
        task = {"name": resource.title, f"ansible.builtin.{module}": options}
        return task | ({"vars": dict(work.values)} if resource.kind == "template" else {})

    def _loop(self, work: Work) -> dict[str, Any]:
        """Return one task for all files, as a user of Ansible would write it."""
        items = [{"src": f"{self.lab.sources}/{work.source(each)}", "dest": each.name} for each in work.resources]
        options = {"src": "{{ item.src }}", "dest": "{{ item.dest }}", **ROOTS}
        return {"name": work.name, "ansible.builtin.copy": options, "loop": items}

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        program = str(BENCH / "bin" / "ansible")
        return [program, ",".join(nodes), "-m", "ansible.builtin.command", "-a", " ".join(words)]

    def converge(self, nodes: Sequence[str], work: Work) -> list[str]:
        program = str(BENCH / "bin" / "ansible-playbook")
        return [program, "--limit", ",".join(nodes), str(self.folder / f"{work.name}.yml")]

    def version(self) -> str:
        return self.lab.run([str(BENCH / "bin" / "ansible"), "--version"]).stdout.split("]")[0].split()[-1]

    def no_op(self, output: str, nodes: Sequence[str]) -> bool:
        return unchanged(output, len(nodes))


def unchanged(output: str, count: int) -> bool:
    """Tell whether so many nodes had nothing to change, nor failed."""
    return [changed for _, _, changed in RECAP.findall(output)] == ["0"] * count


Task = Callable[[Resource, str], tuple[str, dict[str, Any]]]
ROOTS = {"owner": "root", "group": "root", "mode": "0644"}
TASKS: Mapping[str, Task] = {
    "package": lambda resource, _: ("apt", {"name": resource.name}),
    "group": lambda resource, _: ("group", {"name": resource.name}),
    "user": lambda resource, _: (
        "user",
        {"name": resource.name, "group": "bench", "shell": "/bin/bash", "create_home": False},
    ),
    "folder": lambda resource, _: ("file", {"path": resource.name, "state": "directory", **ROOTS, "mode": "0755"}),
    "file": lambda resource, source: ("copy", {"src": source, "dest": resource.name, **ROOTS}),
    "template": lambda resource, source: ("template", {"src": source, "dest": resource.name, **ROOTS}),
    "link": lambda resource, _: ("file", {"path": resource.name, "src": resource.content, "state": "link"}),
    "line": lambda resource, _: ("lineinfile", {"path": resource.name, "line": resource.content}),
    "service": lambda resource, _: ("service", {"name": resource.name, "state": "started", "enabled": True}),
    "once": lambda resource, _: ("command", {"cmd": resource.content, "creates": resource.name}),
}
