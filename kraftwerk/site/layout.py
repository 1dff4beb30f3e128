"""How a site stands in its node's nginx: `nginx_site` of kraftwerk.yaml."""

from dataclasses import dataclass
from typing import Any

from kraftwerk.schema import Value, given, list_of, one_of, setting, text

KRAFTWERK, DEBIAN = "kraftwerk", "debian"
MOVABLE = r"(sites-enabled|sites-available|conf\.d)/[\w@+-][\w.@+-]*"


def yes_or_no(value: Value) -> bool:
    """Parse true or false, or yes or no."""
    return one_of("true", "false", "yes", "no")(value) in ("true", "yes")


@dataclass(frozen=True)
class NginxSite:
    """The keys of `nginx_site`.

    Attributes:
        layout: kraftwerk (a folder of kraftwerk's own) or debian (sites-available, linked in sites-enabled).
        default_server: it answers for names that no site has.
        replaces: paths below /etc/nginx that stand aside while the site is there.
    """

    layout: str = setting(one_of(KRAFTWERK, DEBIAN), default=KRAFTWERK)
    default_server: bool = setting(yes_or_no, default=False)
    replaces: tuple[str, ...] = setting(
        list_of(text(MOVABLE, "a file below /etc/nginx, such as sites-enabled/default"), or_one=True), default=()
    )


def parse(value: Value) -> dict[str, Any]:
    """Parse what a file says of it: the keys that it gives, so that those of several files merge."""
    found = given(NginxSite, value)
    return {key: list(each) if isinstance(each, tuple) else each for key, each in found.items()}
