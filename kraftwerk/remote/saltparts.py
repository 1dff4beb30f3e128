"""What the engine on a node changes in Salt, for speed alone: it goes along with saltengine.py. Some serves here, too.

Each stands for something that Salt does many times over, or in vain. A test fails when a release of Salt changes them.
"""

import os
from collections.abc import Mapping
from typing import Any

OURS = "kw_"  # how the names of our own modules begin, none of which goes by another name
ASKING = ("status", "is-active", "is-enabled")  # what systemctl does that changes nothing
units: dict[str, Any] = {}  # in a state of a service: what systemctl said of units, by their names


def install() -> None:
    """Put our ways in the place of Salt's, in this process."""
    import salt.loader.lazy
    import salt.state
    import salt.utils.optsdict

    salt.utils.optsdict.OptsDict.__bool__ = has_any
    salt.loader.lazy.LazyLoader._load = only_what_may_be(salt.loader.lazy.LazyLoader._load)
    salt.loader.lazy.LazyLoader._refresh_file_mapping = listed_once(salt.loader.lazy.LazyLoader._refresh_file_mapping)
    salt.loader.lazy.LazyLoader._load_module = with_units_asked_once(salt.loader.lazy.LazyLoader._load_module)
    salt.state.State.call = with_units_forgotten(salt.state.State.call)
    salt.state.State._gather_pillar = given_pillar(salt.state.State._gather_pillar)


def has_any(self: Any) -> bool:
    """Tell whether options have any key; without it Python counts them all, each time that Salt copies them."""
    return any(key in self for key in self._get_all_keys())


def only_what_may_be(stock: Any) -> Any:
    """Look for a function where it may be.

    States ask for functions that only other systems' modules have, such as `pkg.resolve_capabilities`. When Salt has
    loaded what stands for `pkg` here, it loads each of its other modules to find out that none has that function. No
    two of Salt's modules stand for one name on one system; those of others may, so they are still looked into.
    """

    def load(self: Any, key: Any) -> Any:
        name = key.partition(".")[0] if isinstance(key, str) else ""
        if not name or self.loaded or (self.whitelist and name not in self.whitelist):
            return stock(self, key)
        with self._lock:
            if name.startswith(OURS) and name not in self.file_mapping:
                return False  # such as a function for nodes, when a template asks for Salt's own of this computer first
            for _ in range(2):
                try:
                    load_until(self, name)
                    if name in self.loaded_modules and key not in self._dict:
                        others = [file for file in self._iter_files(name) if not known(self, file)]
                        return any(self._load_module(file) and key in self._dict for file in others)
                    break
                except OSError:  # a module went away; asked now, Salt would take what isn't loaded yet for missing
                    self._refresh_file_mapping()
        return stock(self, key)

    return load


def listed_once(stock: Any) -> Any:
    """List folders of modules again only when they changed: each loader lists them twice, and many list the same."""
    known: dict[Any, dict[str, Any]] = {}
    kept = ("file_mapping", "suffix_map", "suffix_order")

    def refresh(self: Any) -> None:
        options = [repr(self.opts.get(name)) for name in ("cython_enable", "enable_zip_modules", "optimization_order")]
        key = (tuple(map(changed, self.module_dirs)), tuple(self.static_modules), frozenset(self.disabled), *options)
        if key not in known:
            stock(self)
            known[key] = {name: getattr(self, name).copy() for name in kept}
        for name, value in known[key].items():
            setattr(self, name, value.copy())

    return refresh


def changed(folder: str) -> tuple[Any, ...]:
    """Return what is another one when something comes to a folder of modules, or goes."""
    found: list[Any] = [str(folder)]
    for path in (folder, os.path.join(folder, "__pycache__")):
        try:
            found.append(os.stat(path).st_mtime_ns)
        except OSError:
            found.append(None)
    return tuple(found)


def load_until(loader: Any, name: str) -> None:
    """Load modules, the likeliest first, until one stands for that name."""
    for file in loader._iter_files(name):
        if name in loader.loaded_modules:
            return
        if file not in loader.loaded_files:
            loader._load_module(file)


def known(loader: Any, file: str) -> bool:
    """Tell whether a module is loaded, or Salt's, or ours."""
    if file in loader.loaded_files or file.startswith(OURS):
        return True
    import salt

    return str(loader.file_mapping[file][0]).startswith(os.path.dirname(salt.__file__) + os.sep)


def with_units_forgotten(stock: Any) -> Any:
    """Know nothing of units when a state begins, nor after it."""

    def call(self: Any, low: Any, *arguments: Any, **keywords: Any) -> Any:
        units.clear()
        units[""] = low.get("state") == "service"
        try:
            return stock(self, low, *arguments, **keywords)
        finally:
            units.clear()

    return call


def with_units_asked_once(stock: Any) -> Any:
    """Ask for a unit's status once in a state of a service, which asks thrice before it looks whether it runs.

    What does anything but ask has it asked anew.
    """

    def load_module(self: Any, name: str) -> Any:
        found = stock(self, name)
        module = getattr(self._dict.get("service.available"), "__globals__", {}) if name == "systemd_service" else {}
        if "_systemctl_status" in module:
            ask_once(module)
        return found

    return load_module


def ask_once(module: dict[str, Any]) -> None:
    """Change Salt's module for systemd so."""
    stock_status, stock_command = module["_systemctl_status"], module["_systemctl_cmd"]

    def status(name: str) -> Any:
        if not units.get(""):
            return stock_status(name)
        if name not in units:
            said = stock_status(name)
            units[name] = said
        return units[name]

    def command(action: Any, *arguments: Any, **keywords: Any) -> Any:
        if action not in ASKING:
            known = units.get("")
            units.clear()
            units[""] = known
        return stock_command(action, *arguments, **keywords)

    module["_systemctl_status"], module["_systemctl_cmd"] = status, command


def given_pillar(stock: Any) -> Any:
    """Make no pillar on the node, where it has none of its own: Salt lays the one that came with the states over it."""

    def gather(self: Any) -> Any:
        roots = [folder for folders in self.opts["pillar_roots"].values() for folder in folders]
        own = self.opts.get("ext_pillar") or any(os.path.isdir(folder) for folder in roots)
        return stock(self) if own or not isinstance(self._pillar_override, dict) else {}

    return gather


def plain(value: Any) -> Any:
    """Return what JSON can hold of a value that it can't."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    try:
        return list(value)
    except TypeError:
        return repr(value)
