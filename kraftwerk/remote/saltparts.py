"""What the engine on a node changes in Salt, for speed alone: it goes along with saltengine.py.

Each stands for something that Salt does many times over, or in vain. A test fails when a release of Salt changes them.
"""

import os
from typing import Any

NOWHERE = "pkg.ex_mod_init"  # a hook that only Gentoo's packages have: Salt loads all its modules to find that out


def install() -> None:
    """Put our ways in the place of Salt's, in this process."""
    import salt.loader.lazy
    import salt.state
    import salt.utils.optsdict

    salt.utils.optsdict.OptsDict.__bool__ = has_any
    salt.loader.lazy.LazyLoader._load = only_what_may_be(salt.loader.lazy.LazyLoader._load)
    salt.state.State._gather_pillar = given_pillar(salt.state.State._gather_pillar)


def has_any(self: Any) -> bool:
    """Tell whether options have any key; without it Python counts them all, each time that Salt copies them."""
    return any(key in self for key in self._get_all_keys())


def only_what_may_be(stock: Any) -> Any:
    """Look for a function, unless it is known that there is none."""

    def load(self: Any, key: Any) -> Any:
        return False if key == NOWHERE else stock(self, key)

    return load


def given_pillar(stock: Any) -> Any:
    """Make no pillar on the node, where it has none of its own: Salt lays the one that came with the states over it."""

    def gather(self: Any) -> Any:
        roots = [folder for folders in self.opts["pillar_roots"].values() for folder in folders]
        own = self.opts.get("ext_pillar") or any(os.path.isdir(folder) for folder in roots)
        return stock(self) if own or not isinstance(self._pillar_override, dict) else {}

    return gather
