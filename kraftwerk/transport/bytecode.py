"""Runs apart, as a program of Python: prints the byte code of modules, and of all that they import, as a mapping.

bytecode.py SITE MODULE…

It is marshalled: the path of each source below the folder SITE, and what Python keeps for it in `__pycache__`. That
is said to be right without a look at the source, whose times differ on the computer that it is for.
"""

import importlib
import importlib.machinery
import importlib.util
import marshal
import os
import sys

UNCHECKED = (1).to_bytes(4, "little")  # PEP 552: the file goes by the hash of its source, which isn't compared


def cached(loader: importlib.machinery.SourceFileLoader, name: str) -> bytes:
    """Return the content of a `.pyc` file for a module; nothing is compiled anew that is so already here."""
    found = importlib.util.source_hash(loader.get_data(loader.path))
    return importlib.util.MAGIC_NUMBER + UNCHECKED + found + marshal.dumps(loader.get_code(name))


def only_sources(site: str) -> None:
    """Find no compiled extensions in that folder, since none are sent: what stands in for them is imported instead."""

    def finder(path: str) -> importlib.machinery.FileFinder:
        if not path.startswith(site):
            raise ImportError
        loader = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
        return importlib.machinery.FileFinder(path, loader)

    sys.path_hooks.insert(0, finder)
    sys.path.insert(0, site)


def main(site: str, *names: str) -> None:
    """Import modules from there, and print the byte code of what came with them."""
    only_sources(site)
    for name in names:
        importlib.import_module(name)
    found = {}
    for module in list(sys.modules.values()):
        loader = getattr(getattr(module, "__spec__", None), "loader", None)
        if isinstance(loader, importlib.machinery.SourceFileLoader) and loader.path.startswith(site + os.sep):
            found[os.path.relpath(loader.path, site)] = cached(loader, loader.name)
    sys.stdout.buffer.write(marshal.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
