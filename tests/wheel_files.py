"""Wheels made on the spot: real ones, as small as can be."""

import base64
import hashlib
import zipfile


def make(folder, name, version, *, requires=(), files=None, scripts=None, tags="py3-none-any"):
    """Write a wheel and return its path; its module says its version.

    Args:
        files: more files, by their path in the wheel.
        scripts: commands by their name, such as `{"hello": "hello:main"}`.
    """
    module = name.replace("-", "_")
    stem = f"{module}-{version}"
    info = f"{stem}.dist-info"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    content = {
        f"{module}/__init__.py": f"VERSION = {version!r}\n\n\ndef main():\n    print(VERSION)\n",
        **(files or {}),
        f"{info}/METADATA": "\n".join([*lines, ""]),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tags}\n",
    }
    if scripts:
        content[f"{info}/entry_points.txt"] = "\n".join(
            ["[console_scripts]", *(f"{key} = {value}" for key, value in scripts.items()), ""]
        )
    record = "".join(f"{path},{_digest(text)},{len(text.encode())}\n" for path, text in content.items())
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    path = folder / f"{stem}-{tags}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, text in content.items():
            archive.writestr(each, text)
    return path


def _digest(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
