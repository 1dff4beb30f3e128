"""
Sites in an nginx that is somebody else's: a file in sites-available and a link in sites-enabled, and nothing more.

What is written is remembered, so that what the owner changed since is known from it and stays. What has to stand aside
is kept, and put back when the site goes. Each change is tried by ``nginx -t`` and undone when nginx refuses it.
"""

import hashlib
import json
import os
import platform
import shutil

__virtualname__ = "kw_nginx"
MEMORY = "/var/lib/kraftwerk/nginx"
STAMP = "/var/lib/kraftwerk/nginx.loaded"  # nginx runs with what is older than it (salt/nginx/service.sls)


def __virtual__():
    """Load on Linux only, as the modules that it uses."""
    if platform.system() != "Linux":
        return False, "kw_nginx: nginx serves sites on Linux nodes only"
    return __virtualname__


def known(name):
    """
    Whether a site stands in sites-available, by kraftwerk's doing.

    name
        The instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginx.known mysite
    """
    return bool(_recall(name)["site"])


def remembered(name):
    """
    Whether anything is remembered of a site, be it only what stands aside.

    name
        The instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginx.remembered mysite
    """
    return os.path.isfile(_memory(name))


def paths(name):
    """
    The paths of a site: its file, and its link in sites-enabled. Empty where kraftwerk put none there.

    name
        The instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginx.paths mysite
    """
    memory = _recall(name)
    return [path for path in (memory["site"], memory["link"]) if path]


def present(name, source, default_server=False, replaces=(), test=False):
    """
    Put a site into sites-available and link it in sites-enabled. Returns ``changes`` and ``notes``: what stays as the
    owner made it. nginx isn't reloaded by it; its stamp goes, so that the states do.

    name
        The instance.
    source
        The file with what the site says.
    default_server
        Whether it answers for names that no site has. Default: False.
    replaces
        Paths below /etc/nginx that stand aside while the site is there. Default: none.
    test
        Change nothing, and return what would change. Default: False.

    Raises ``RuntimeError`` where something is in the way or nginx refuses it; then all is as it was.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginx.present mysite /var/lib/kraftwerk/nginx/mysite/wanted
    """
    wanted, memory = _read(source), _recall(name)
    now = _read(memory["site"]) if memory["site"] else None
    edited = now is not None and _hash(now) not in memory["hashes"]
    disabled = memory["linked"] and now is not None and not os.path.lexists(memory["link"])
    notes = [f"{memory['site']} was changed by hand and stays so; kraftwerk's is {source}"] if edited else []
    if disabled:
        again = f"ln -s {memory['site']} {memory['link']}"
        notes.append(f"{memory['link']} was taken out by hand: the site is not served until {again}")
    back = [each for each in memory["kept"] if each["path"] not in replaces]
    aside = [path for path in replaces if os.path.lexists(_at(path)) and path not in _kept_paths(memory)]
    writes, links = now != wanted and not edited, not disabled and not (memory["linked"] and now is not None)
    changes = {path: "stands aside" for path in aside} | {each["path"]: "comes back" for each in back}
    changes |= {"site": "written" if now is None else "changed"} if writes else {}
    changes |= {"link": "made"} if links else {}
    if test or not changes:
        return {"changes": changes, "notes": notes}
    with _Attempt(name, memory) as attempt:
        for path in aside:
            attempt.set_aside(path)
        for each in back:
            notes += attempt.bring_back(each)
        if writes:
            attempt.write(wanted)
        if links:
            attempt.make_link(default_server)
    return {"changes": changes, "notes": notes}


def absent(name, test=False):
    """
    Take a site out of nginx, and put back what stood aside for it. Returns ``changes`` and ``notes``: where that is
    which the owner had changed in it. nginx isn't reloaded by it.

    name
        The instance.
    test
        Change nothing, and return what would change. Default: False.

    Raises ``RuntimeError`` where nginx refuses what would be left; then all is as it was.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_nginx.absent mysite
    """
    memory, notes = _recall(name), []
    there = [path for path in paths(name) if os.path.lexists(path)]
    changes = {path: "removed" for path in there} | {each["path"]: "comes back" for each in memory["kept"]}
    if test or not os.path.exists(_memory(name)):
        return {"changes": changes, "notes": notes}
    if changes:
        with _Attempt(name, memory) as attempt:
            notes += attempt.remove_site()
            attempt.check()
            for each in list(memory["kept"]):
                notes += attempt.bring_back(each)
    _forget(name)
    return {"changes": changes, "notes": notes}


class _Attempt:
    """Changes that hold when nginx accepts them all, and are undone when it doesn't."""

    def __init__(self, name, memory):
        self.name, self.memory, self.undo = name, memory, []
        self.before = json.dumps(memory)

    def __enter__(self):
        words = __salt__["kw_nginxclash.invalid"]()
        if words and self.memory["trying"] and os.path.islink(self.memory["link"]):
            os.unlink(self.memory["link"])  # an attempt was killed before it could be undone
            words = __salt__["kw_nginxclash.invalid"]()
        if words:
            raise RuntimeError(f"nginx's configuration is not valid as it is, nothing was changed: {words}")
        if os.path.lexists(STAMP):
            os.unlink(STAMP)
        self.memory["trying"] = True
        self.remember()
        return self

    def __exit__(self, kind, error, trace):
        try:
            if not kind:
                self.check()
        except RuntimeError:
            self.take_back()
            raise
        if kind:
            self.take_back()
        else:
            self.memory["trying"] = False
            self.remember()

    def check(self):
        if words := __salt__["kw_nginxclash.invalid"]():
            raise RuntimeError(f"nginx refuses it, all is as it was: {words}")

    def take_back(self):
        for step in reversed(self.undo):
            step()
        self.memory = {**json.loads(self.before), "trying": False}
        self.remember()

    def remember(self):
        os.makedirs(os.path.join(MEMORY, self.name), mode=0o700, exist_ok=True)
        _replace(_memory(self.name), json.dumps(self.memory, indent=1), 0o600)

    def write(self, text):
        site = os.path.join(_root(), "sites-available", self.name)
        if not self.memory["site"] and os.path.lexists(site):
            raise RuntimeError(f"{site} is there already, and not kraftwerk's")
        if not os.path.isdir(os.path.dirname(site)):
            raise RuntimeError(f"there is no folder {os.path.dirname(site)}: this nginx isn't set up as Debian's")
        before = _read(site) if os.path.lexists(site) else None
        self.memory.update(site=site, hashes=[*filter(None, [before and _hash(before)]), _hash(text)])
        self.remember()  # before, so that an interruption leaves nothing that isn't known
        self.undo.append(lambda: os.unlink(site) if before is None else _replace(site, before, 0o644))
        _replace(site, text, 0o644)
        self.memory["hashes"] = [_hash(text)]

    def make_link(self, default_server):
        link = self.memory["link"] or __salt__["kw_nginxclash.link"](self.name, default_server)
        if not link:
            raise RuntimeError(f"{_root()}/nginx.conf doesn't include sites-enabled")
        if os.path.lexists(link) and not self.memory["link"]:
            raise RuntimeError(f"{link} is there already, and not kraftwerk's")
        self.memory.update(link=link)
        self.remember()
        if not os.path.lexists(link):
            os.symlink(self.memory["site"], link)
            self.undo.append(lambda: os.unlink(link))
        self.memory["linked"] = True

    def remove_site(self):
        """Remove file and link, as far as they are kraftwerk's; what was changed by hand is kept elsewhere."""
        notes, site, link = [], self.memory["site"], self.memory["link"]
        if link and os.path.islink(link) and os.readlink(link) == site:
            os.unlink(link)
            self.undo.append(lambda: os.symlink(site, link))
        elif link and os.path.lexists(link):
            notes.append(f"{link} is not kraftwerk's any more, and stays")
        if site and os.path.lexists(site):
            text = _read(site)
            if _hash(text) not in self.memory["hashes"]:
                kept = os.path.join(MEMORY, self.name, "site")
                os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
                _replace(kept, text, 0o600)
                notes.append(f"{site} had been changed by hand; it is kept as {kept}")
            os.unlink(site)
            self.undo.append(lambda: _replace(site, text, 0o644))
        return notes

    def set_aside(self, path):
        full, number = _at(path), len(self.memory["kept"])
        status = os.lstat(full)
        times = [status.st_atime_ns, status.st_mtime_ns]
        entry = {"path": path, "link": os.readlink(full) if os.path.islink(full) else "", "copy": "", "times": times}
        if not entry["link"]:
            entry["copy"] = os.path.join(MEMORY, self.name, "kept", f"{number}-{os.path.basename(path)}")
            os.makedirs(os.path.dirname(entry["copy"]), mode=0o700, exist_ok=True)
            shutil.copy2(full, entry["copy"])
            os.chown(entry["copy"], status.st_uid, status.st_gid)
        self.memory["kept"].append(entry)
        self.remember()
        os.unlink(full)
        self.undo.append(lambda: _put_back(entry))

    def bring_back(self, entry):
        """Put back what stood aside, where nothing else has its place and nginx accepts it."""
        self.memory["kept"].remove(entry)
        full = _at(entry["path"])
        if os.path.lexists(full):
            former = "" if _is_as_kept(full, entry) else f"; of what stood aside for the site, {self._keep(entry)}"
            return [f"{full} is there again, by hand, and stays as it is{former}"]
        _put_back(entry)
        if words := __salt__["kw_nginxclash.invalid"]():
            os.unlink(full)
            return [f"{full} could not come back, {self._keep(entry)}: {words}"]
        self.undo.append(lambda: os.unlink(full))
        return []

    def _keep(self, entry):
        """Leave what can't come back where `absent` doesn't remove it, and say where that is."""
        if entry["link"]:
            return f"it was a link to {entry['link']}"
        kept = os.path.join(MEMORY, self.name, os.path.basename(entry["copy"]))
        shutil.copy2(entry["copy"], kept)
        return f"it is kept as {kept}"


def _is_as_kept(full, entry):
    """Whether a file is what stood aside."""
    if entry["link"] or os.path.islink(full):
        return os.path.islink(full) and os.readlink(full) == entry["link"]
    return _read(full) == _read(entry["copy"])


def _put_back(entry):
    full = _at(entry["path"])
    if entry["link"]:
        os.symlink(entry["link"], full)
        os.utime(full, ns=tuple(entry["times"]), follow_symlinks=False)
        return
    status = os.lstat(entry["copy"])
    shutil.copy2(entry["copy"], full)
    os.chown(full, status.st_uid, status.st_gid)


def _recall(name):
    """What is remembered of a site."""
    empty = {"site": "", "link": "", "linked": False, "hashes": [], "kept": [], "trying": False}
    text = _read(_memory(name))
    return {**empty, **json.loads(text)} if text else empty


def _memory(name):
    return os.path.join(MEMORY, f"{__salt__['kw_name.plain'](name)}.json")


def _forget(name):
    """Remove what is remembered of a site; what could not go back to its owner stays in a folder of its name."""
    folder = os.path.join(MEMORY, name)
    os.unlink(_memory(name))
    shutil.rmtree(os.path.join(folder, "kept"), ignore_errors=True)
    if os.path.exists(os.path.join(folder, "wanted")):
        os.unlink(os.path.join(folder, "wanted"))
    if os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)


def _kept_paths(memory):
    return [each["path"] for each in memory["kept"]]


def _read(path):
    """The text of a file as it is, byte for byte; None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except OSError:
        return None


def _replace(path, text, mode):
    """Write a file so that nobody ever sees a part of it; one that is there keeps its mode and owner."""
    status = os.stat(path) if os.path.exists(path) else None
    part = f"{os.path.dirname(path)}/.{os.path.basename(path)}.kraftwerk"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))
        stream.flush()
        os.fchmod(stream.fileno(), status.st_mode & 0o7777 if status else mode)
        if status:
            os.fchown(stream.fileno(), status.st_uid, status.st_gid)
        os.fsync(stream.fileno())
    os.replace(part, path)


def _hash(text):
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _at(path):
    """The full path of one below /etc/nginx, which may stand aside."""
    if os.path.dirname(path) not in ("sites-enabled", "sites-available", "conf.d") or os.path.basename(path) == "..":
        raise ValueError(f"{path}: only files in sites-enabled, sites-available and conf.d can stand aside")
    return os.path.join(_root(), path)


def _root():
    return __salt__["kw_nginxconf.root"]()
