"""What a wheel has to fit: the Python of a node, its processor and its C library."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags

UV_GLIBC = (17, 28, *range(31, 41))  # the manylinux_2_<n> that uv knows as platforms
UV_MACHINES = ("x86_64", "aarch64")
OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
OLDEST = {"x86_64": 5, "i686": 5}  # other processors came with manylinux2014


@dataclass(frozen=True)
class Target:
    """Where wheels are installed.

    Attributes:
        python: the version of CPython, such as 3.11.2.
        machine: the processor, as `uname -m` has it.
        libc: `glibc 2.36` or `musl 1.2`.
        name: of the node or virtualenv, for messages; empty for whatever is like it.
    """

    python: str
    machine: str = "x86_64"
    libc: str = "glibc 2.36"
    name: str = ""

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], name: str = "") -> "Target":
        """Return the target that a Python told of itself (see remote/wheeltarget.py)."""
        return cls(str(plain["python"]), str(plain["machine"]), str(plain["libc"]), name)

    @property
    def words(self) -> str:
        """Return what it is, in words: `Python 3.11 on x86_64 (glibc 2.36)`."""
        return f"Python {self.minor} on {self.machine} ({self.libc})"

    @property
    def minor(self) -> str:
        """Return the version of Python without its last part, such as 3.11."""
        return ".".join(self.python.split(".")[:2])

    @property
    def platforms(self) -> list[str]:
        """Return the platform tags that fit, the best first."""
        if self.libc.startswith("glibc"):
            family = self._manylinux(self._libc_minor)
        else:
            family = (f"musllinux_1_{number}" for number in range(self._libc_minor, -1, -1))
        return [*(f"{each}_{self.machine}" for each in family), f"linux_{self.machine}"]

    @property
    def libc_version(self) -> tuple[str, int]:
        """Return the C library, to be compared with another one's: what was compiled for an older one runs."""
        return self.libc.partition(" ")[0], self._libc_minor

    @property
    def _libc_minor(self) -> int:
        """Return the part of the C library's version that counts: 36 of 2.36, as tags have it."""
        return int("".join(self.libc.split(".")[1:2]) or 0)

    def _manylinux(self, newest: int) -> Iterator[str]:
        for number in range(newest, OLDEST.get(self.machine, 17) - 1, -1):
            yield f"manylinux_2_{number}"
            if number in OLD_NAMES:
                yield OLD_NAMES[number]

    @cached_property
    def ranks(self) -> dict[Tag, int]:
        """Return every tag that fits, with its place: the smaller, the better."""
        version = tuple(int(part) for part in self.minor.split("."))
        own = f"cp{self.minor.replace('.', '')}"
        tags = [
            *cpython_tags(version, abis=[own], platforms=self.platforms),
            *compatible_tags(version, interpreter=own, platforms=self.platforms),
        ]
        return {tag: place for place, tag in reversed(list(enumerate(tags)))}

    @property
    def uv_words(self) -> tuple[str, ...]:
        """Return the options that have uv resolve for this target from anywhere."""
        python = ("--python-version", self.python)
        if self.machine not in UV_MACHINES:
            return python
        if not self.libc.startswith("glibc"):
            return (*python, "--python-platform", f"{self.machine}-unknown-linux-musl")
        known = [number for number in UV_GLIBC if number <= self._libc_minor]
        return (*python, "--python-platform", f"{self.machine}-manylinux_2_{max(known, default=17)}")

    @property
    def environment(self) -> dict[str, str]:
        """Return the values of environment markers, such as `python_version < "3.12"`."""
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": self.python,
            "python_version": self.minor,
            "sys_platform": "linux",
        }
