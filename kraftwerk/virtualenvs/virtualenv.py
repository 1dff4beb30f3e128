"""A virtualenv on some host, as `virtualenvs:` in the admin's config.yaml names it."""

from dataclasses import dataclass

from kraftwerk.schema import list_of, record, setting, text

HOST = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9a-fA-F]*:[0-9a-fA-F:.]+"
USER = r"[A-Za-z_][A-Za-z0-9._-]*"
PATH = r"(~?/)\S(.*\S)?"
LINE = text(r"[^\x00-\x1f\x7f]+", "a command in one line")


@dataclass(frozen=True)
class Virtualenv:
    """A virtualenv, whoever made it.

    Attributes:
        host: a node's name, or whatever `ssh` takes for a host.
        path: its folder there; `~/` is the user's home.
        user: whom it belongs to; empty is anybody on a node, and elsewhere who ssh logs in as.
        requirements: the file here that says what it must have.
        wheels: the folder of wheels here.
        migrate: shell lines that run as its user, in the home, with its programs first in PATH.
        reload: shell lines that run as who kraftwerk logs in as: root on a node.
        site: the site of kraftwerk that it belongs to; no key of config.yaml.
    """

    host: str = setting(text(HOST, "a hostname or an address"))
    path: str = setting(text(PATH, "a whole path, such as /srv/shop/venv or ~/venv"))
    user: str = setting(text(USER, "a user's name"), default="")
    requirements: str = setting(text(), default="")
    wheels: str = setting(text(), default="")
    migrate: tuple[str, ...] = setting(list_of(LINE, or_one=True), default=())
    reload: tuple[str, ...] = setting(list_of(LINE, or_one=True), default=())
    site: str = ""

    @property
    def name(self) -> str:
        """Return what it is called everywhere, and what selects it alone: `shop@web1:/srv/shop/venv`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.path}" if self.user else f"{host}:{self.path}"


parse = list_of(record(Virtualenv))
