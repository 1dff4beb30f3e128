"""Wheels that stand in for what a virtualenv has and the wheelhouse hasn't: metadata only, for the resolution alone."""

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from kraftwerk.virtualenvs.reading import Package
from kraftwerk.wheels.wheel import Wheel, parse

KIND = "Wheel-Version: 1.0\nGenerator: kraftwerk\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def make(packages: Mapping[str, Package], house: Iterable[Wheel], folder: Path) -> list[Wheel]:
    """Write a wheel for each installed package whose version the house doesn't have, and return them.

    Args:
        packages: the installed ones by name.
        house: the wheels that there are, for this Python.
        folder: where they are written.
    """
    there = {(wheel.name, wheel.version) for wheel in house}
    found = []
    for name, package in packages.items():
        version = _normal(package.version)
        if version and (name, version) not in there:
            found.append(_write(folder, name, version, package))
    return found


def _normal(version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion:
        return ""


def _write(folder: Path, name: str, version: str, package: Package) -> Wheel:
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Provides-Extra: {each}" for each in package.extras]
    lines += [f"Requires-Dist: {' '.join(each.split())}" for each in package.requires]
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join([*lines, ""]))
        archive.writestr(f"{stem}.dist-info/WHEEL", KIND)
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return parse(path)
