"""The network surroundings of the admin that a local node shares: resolver, apt, certificates, package index."""

import configparser
import hashlib
import io
import os
import re
import tarfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from kraftwerk import process
from kraftwerk.privilege import which

CERTIFICATES = Path("/usr/local/share/ca-certificates")
APT_KEYS = re.compile(r"Acquire::(https?|ftp|Check-|Max-|Min-|Retries|ForceIPv|Allow|Languages|Queue)", re.IGNORECASE)
INDEX_KEYS = ("index-url", "extra-index-url", "find-links")


def resolver() -> bytes:
    """Return a resolv.conf that holds inside a node, where this machine's loopback doesn't answer."""
    stub = Path("/run/systemd/resolve/resolv.conf")
    own = Path("/etc/resolv.conf")
    path = stub if stub.exists() and b"nameserver 127." in own.read_bytes() else own
    return path.read_bytes() if path.exists() else b""


def certificates() -> dict[str, bytes]:
    """Return the admin's extra CA certificates by their paths."""
    return {str(path)[1:]: path.read_bytes() for path in sorted(CERTIFICATES.rglob("*.crt")) if path.is_file()}


def apt_options() -> str:
    """Return the admin's apt configuration as far as it says how to reach servers: proxies, time-outs, checks."""
    if not which("apt-config"):
        return ""
    lines = process.run([str(which("apt-config")), "dump"], timeout=30).stdout.decode().splitlines()
    return "".join(f"{line}\n" for line in lines if APT_KEYS.match(line) and not line.endswith('"";'))


def apt_sources(release: str, etc: Path = Path("/etc")) -> str:
    """Return the admin's Debian sources turned to a release, in deb822 form; empty where mmdebstrap knows better.

    Sources that others sign stay out: a node is plain Debian.
    """
    own = _codename(etc / "os-release")
    if not own:
        return ""
    apt = etc / "apt"
    stanzas = [stanza for path in sorted(apt.glob("sources.list.d/*.sources")) for stanza in _deb822(path.read_text())]
    for path in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        stanzas += _one_line(path.read_text()) if path.is_file() else []
    kept = [_turned(stanza, own, release) for stanza in stanzas if _is_debian(stanza, own)]
    return "\n".join("".join(f"{key}: {value}\n" for key, value in stanza.items()) for stanza in kept)


def index_options(environ: Mapping[str, str] = os.environ, files: Iterable[Path] | None = None) -> bytes:
    """Return a pip.conf with the admin's package index, or nothing; only addresses, since paths are not on a node."""
    found: dict[str, str] = {}
    home = Path("~").expanduser()
    usual = [Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    for path in usual if files is None else files:
        found |= _pip_section(path)
    found |= {key: environ[name] for key in INDEX_KEYS if (name := f"PIP_{key.upper().replace('-', '_')}") in environ}
    addresses = {key: " ".join(re.findall(r"https?://\S+", found.get(key, ""))) for key in INDEX_KEYS}
    lines = [f"{key} = {value}" for key, value in addresses.items() if value]
    if lines and found.get("trusted-host"):
        lines.append("trusted-host = " + " ".join(found["trusted-host"].split()))
    return "\n".join(["[global]", *lines, ""]).encode() if lines else b""


def fingerprint(*parts: str | bytes) -> str:
    """Return a short digest of things that a base was made with."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:8]


def tar(files: Mapping[str, bytes], *, modes: Mapping[str, int], folders: Mapping[str, int]) -> bytes:
    """Return a tar of root's files; modes default to 0644, and those of the folders given come first."""
    stream, now = io.BytesIO(), int(time.time())
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, mode in folders.items():
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, mode, now
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), modes.get(name, 0o644), now
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _codename(os_release: Path) -> str:
    text = os_release.read_text() if os_release.exists() else ""
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return fields.get("VERSION_CODENAME", "").strip('"') if fields.get("ID", "").strip('"') == "debian" else ""


def _deb822(text: str) -> list[dict[str, str]]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    stanzas = []
    for paragraph in re.split(r"\n\s*\n", lines):
        joined = re.sub(r"\n[ \t]+", " ", paragraph)
        fields = [line.split(":", 1) for line in joined.splitlines() if ":" in line]
        stanzas.append({key.strip(): value.strip() for key, value in fields})
    return [stanza for stanza in stanzas if stanza and stanza.get("Enabled", "yes").lower() != "no"]


def _one_line(text: str) -> list[dict[str, str]]:
    found = re.findall(r"^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+?)\s*$", text, re.MULTILINE)
    stanzas = []
    for options, uri, suite, components in found:
        stanza = {"Types": "deb", "URIs": uri, "Suites": suite, "Components": components.split("#")[0].strip()}
        signed = re.search(r"signed-by=(\S+)", options)
        stanzas.append(stanza | ({"Signed-By": signed.group(1)} if signed else {}))
    return stanzas


def _is_debian(stanza: Mapping[str, str], codename: str) -> bool:
    suites = {codename, *(f"{codename}-{part}" for part in ("updates", "security"))}
    key = stanza.get("Signed-By", "debian-archive")
    return (
        "deb" in stanza.get("Types", "").split()
        and set(stanza.get("Suites", "").split()) <= suites
        and "main" in stanza.get("Components", "").split()
        and "debian-archive" in key
    )


def _turned(stanza: Mapping[str, str], own: str, release: str) -> dict[str, str]:
    suites = " ".join(suite.replace(own, release) for suite in stanza["Suites"].split())
    return {**stanza, "Types": "deb", "Suites": suites}


def _pip_section(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path)
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    return dict(parser["global"]) if parser.has_section("global") else {}
