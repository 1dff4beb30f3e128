"""What was found in a project: values for kraftwerk.yaml with their reasons, files to add, and what to beware of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kraftwerk.detect.tree import Place


@dataclass(frozen=True)
class Finding:
    """A key of kraftwerk.yaml.

    Attributes:
        keys: its path there, such as `("environ", "DJANGO_DEBUG")`.
        value: as YAML takes it.
        reason: why, in a few words.
        place: what that was read from.
    """

    keys: tuple[str, ...]
    value: Any
    reason: str
    place: Place | None = None

    @property
    def why(self) -> str:
        """Return the reason with its place, on one line: it will be a comment."""
        return " ".join((f"{self.reason} ({self.place})" if self.place else self.reason).split())


@dataclass(frozen=True)
class Caution:
    """What would break in production, or isn't known.

    Attributes:
        text: what is wrong.
        mend: what to do about it.
        solved: what is written takes care of it; it is told all the same, as the code is another's.
    """

    text: str
    mend: str = ""
    place: Place | None = None
    solved: bool = False


@dataclass
class Detection:
    """What a project is.

    Attributes:
        framework: such as django, flask, fastapi; empty where none was recognized.
        findings: by their keys; the first one that is noted stays.
        cautions: in the order they were met.
        additions: files to add, by path, with their texts: settings that production needs and the code can't read.
        layout: how the source lies: flat, src, or the folder with manage.py.
        lock: the files that say what is installed.
    """

    framework: str = ""
    findings: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    cautions: list[Caution] = field(default_factory=list)
    additions: dict[str, str] = field(default_factory=dict)
    layout: str = "flat"
    lock: str = ""

    def note(self, key: str, value: Any, reason: str, place: Place | None = None) -> None:
        """Note a value for a key, such as `wsgi` or `environ.DEBUG`, unless it has one."""
        keys = tuple(key.split(".", 1))
        self.findings.setdefault(keys, Finding(keys, value, reason, place))

    def value(self, key: str, default: Any = None) -> Any:
        """Return what was found for a key."""
        found = self.findings.get(tuple(key.split(".", 1)))
        return default if found is None else found.value

    def below(self, key: str) -> Mapping[str, Finding]:
        """Return what was found below a key, by the last part of its keys."""
        return {keys[1]: found for keys, found in self.findings.items() if keys[0] == key and len(keys) == 2}

    def beware(self, text: str, mend: str = "", place: Place | None = None, *, solved: bool = False) -> None:
        """Note a caution, once."""
        caution = Caution(text, mend, place, solved)
        if caution not in self.cautions:
            self.cautions.append(caution)

    @property
    def src(self) -> str:
        """Return the folder with the source."""
        return str(self.value("src", "."))

    @property
    def services(self) -> Mapping[str, Finding]:
        """Return the services that the project uses, by name."""
        return self.below("services")
