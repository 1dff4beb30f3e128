"""Wheels of nothing much, written by hand: a module with its version, and the metadata that wheels have."""

import base64
import hashlib
import zipfile


def make_wheel(
    folder,
    name,
    version,
    *,
    tag="py3-none-any",
    requires=(),
    body="",
    declared=None,
    spoilt=False,
    files=None,
    scripts=None,
):
    """Write a wheel into a folder and return its path.

    `declared` are the tags of its WHEEL file, if others than those of its name; `spoilt`: its RECORD is wrong; `files`:
    more files by their path, which may make a package of it; `scripts`: commands such as `{"hello": "hello:main"}`.
    """
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    more = files or {}
    if scripts:
        commands = [f"{command} = {where}" for command, where in scripts.items()]
        more = {**more, f"{info}/entry_points.txt": "\n".join(["[console_scripts]", *commands, ""])}
    code = f"{module}/__init__.py" if any(each.startswith(f"{module}/") for each in more) else f"{module}.py"
    files = {
        code: f'VERSION = "{version}"\n{body}',
        **more,
        f"{info}/METADATA": "\n".join(
            [
                "Metadata-Version: 2.1",
                f"Name: {name}",
                f"Version: {version}",
                *(f"Requires-Dist: {each}" for each in requires),
                "",
            ]
        ),
        f"{info}/WHEEL": "\n".join(
            ["Wheel-Version: 1.0", "Root-Is-Purelib: true", *(f"Tag: {each}" for each in _tags(declared or tag)), ""]
        ),
    }
    record = [f"{path},sha256={_digest(text + ('?' if spoilt else ''))},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return path


def _tags(tag):
    pythons, abis, platforms = tag.split("-")[-3:]
    return [f"{a}-{b}-{c}" for a in pythons.split(".") for b in abis.split(".") for c in platforms.split(".")]


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
