"""
Where the services of an instance live and what opens them: their options, with secrets in plain text.

They come from pillar where states run, and from ``/etc/kraftwerk/secrets/<instance>/services.json`` (root only) in
between; a secret that the admin couldn't decrypt is as it is in that file. Values never leave this module by a log line
or a state's changes. What an option means is the service's business (``takes`` in its ``defaults.yaml``), except:

- ``url``: the data is in the server at that address. The states install client programs only.
- ``node``, ``host``, ``password``: the data is on another node; ``url`` follows from them by ``kw_<service>.url``.
- ``clients``, ``listen``, ``password``: the data is here, for other nodes, too: their addresses by name, and the
  addresses of this node that the server shall listen on for them.
"""

import json
import os
import platform
import urllib.parse

__virtualname__ = "kw_service"
SECRETS = "/etc/kraftwerk/secrets"
REGISTRY = "/var/lib/kraftwerk/instances"
ENCRYPTED = "-----BEGIN AGE ENCRYPTED FILE-----"


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_service: instances run on Linux nodes only"
    return __virtualname__


def options(instance, service):
    """
    The options of a service, secrets in plain text; ``url`` among them where it isn't on this node.

    instance
        Name of the instance.
    service
        Name of the service.

    Raises ``ValueError`` where a secret can be read by nobody here: neither the admin can decrypt it nor has the node a
    value already.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_service.options mysite postgres
    """
    given = _given(instance)
    found, lost = _merged(instance, {service: (_read(instance) if given is None else given).get(service, {})})
    if lost:
        raise ValueError(_unreadable(lost))
    found = found.get(service, {})
    if "listen" in found:
        found["listen"] = sorted(set(found["listen"].values()))
    if "node" in found and "url" not in found:
        found["url"] = __salt__[f"kw_{service}.url"](instance, _host(found), found.get("password", ""))
    return found


def names(instance):
    """
    The services of an instance, in its order.

    instance
        Name of the instance. Where pillar says nothing of it, the node's registry does.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_service.names mysite
    """
    pillar = __pillar__.get("kraftwerk", {})
    known = next((pillar[key][instance] for key in ("instances", "others") if instance in pillar.get(key, {})), None)
    if known is None:
        known = _json(os.path.join(REGISTRY, f"{__salt__['kw_name.plain'](instance)}.json"))
    return list(known.get("services") or ())


def parts(url):
    """
    The parts of a service's URL in plain text: ``scheme host port user password path query``; what is missing is empty.

    url
        Such as ``postgresql://user:pass%20word@db.example.com:5432/name?sslmode=require``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_service.parts redis://localhost:6379/3
    """
    split = urllib.parse.urlsplit(url)
    plain = {"host": split.hostname, "user": split.username, "password": split.password, "path": split.path.lstrip("/")}
    found = {key: urllib.parse.unquote(value or "") for key, value in plain.items()}
    query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
    return {"scheme": split.scheme, "port": split.port, "query": query, **found}


def check_part(what, parts):
    """
    Make sure that a word is one for what can be dropped of a service's data. Raises ``ValueError`` where it isn't.

    what
        The word.
    parts
        Those that the service knows.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_service.check_part tables '[tables, database, owner]'
    """
    if what not in parts:
        raise ValueError(f"{what!r}: what to drop is one of {', '.join(parts)}")


def place(instance, service):
    """
    Where a service's data is: empty for this node, the name of another node, or ``outside``.

    instance
        Name of the instance.
    service
        Name of the service.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_service.place mysite postgres
    """
    given = _given(instance)
    found = (_read(instance) if given is None else given).get(service, {})
    return found.get("node") or ("outside" if "url" in found else "")


def write(instance, test=False):
    """
    Write the options of all services of an instance where only root can read them.

    instance
        Name of the instance.
    test
        Only say what would change. Default: ``False``.

    Returns the changes by service, such as ``{"postgres": "changed"}``, never values. Raises ``ValueError`` as
    ``options`` does.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_service.write mysite test=True
    """
    wanted, lost = _merged(instance, _given(instance) or {})
    if lost:
        raise ValueError(_unreadable(lost))
    present, path = _read(instance), _path(instance)
    names = sorted({*present, *wanted})
    changes = {name: "changed" for name in names if present.get(name) != wanted.get(name)}
    if changes and not test:
        __salt__["kw_textfile.replace"](path, json.dumps(wanted, indent=1, sort_keys=True))
    return changes


def kept(instance):
    """
    The secrets among the options that this admin couldn't decrypt, by their paths; they stay as the node has them.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_service.kept mysite
    """
    known = _secrets(instance)
    paths = (f"options.{name}.{key}" for name, key, value in _flat(_given(instance) or {}) if _is_encrypted(value))
    return sorted(f"services.{path[8:]}" for path in paths if path not in known)


def _given(instance):
    """The options of all services of an instance, as pillar has them; None where pillar knows nothing of it."""
    pillar = __pillar__.get("kraftwerk", {})
    parts = [pillar.get(key, {}).get(instance) for key in ("others", "instances", "data")]
    if not any(parts):
        return None
    found = {}
    for part in filter(None, parts):  # an instance here, and its data for other nodes
        for service, given in (part.get("options") or {}).items():
            found.setdefault(service, {}).update(given)
    return found


def _merged(instance, given):
    """Options with their secrets in plain text, and the paths of those that nobody can read here."""
    known, present, lost = _secrets(instance), _read(instance), []
    found = {name: dict(options) for name, options in given.items()}
    for name, key, value in _flat(given):
        if _is_encrypted(value):
            found[name][key] = known.get(f"options.{name}.{key}", present.get(name, {}).get(key))
            if found[name][key] is None:
                lost.append(f"services.{name}.{key}")
    return found, lost


def _flat(given):
    return [(name, key, value) for name, options in given.items() for key, value in options.items()]


def _secrets(instance):
    """The secrets of an instance that the admin decrypted, by their dotted paths."""
    return __pillar__.get("kraftwerk", {}).get("secrets", {}).get(instance, {})


def _is_encrypted(value):
    return isinstance(value, str) and value.lstrip().startswith(ENCRYPTED)


def _unreadable(paths):
    """Why an option isn't there."""
    return (
        f"{', '.join(paths)}: encrypted, but not for this admin, and the node has no value yet; "
        "whoever can read it adds the admin's key to pillar/recipients.txt and calls kraftwerk config rekey"
    )


def _host(found):
    """The host of another node as it stands in a URL."""
    host = found.get("host") or found["node"]
    return f"[{host}]" if ":" in host else host


def _path(instance):
    """Where an instance's options are kept."""
    return os.path.join(SECRETS, __salt__["kw_name.plain"](instance), "services.json")


def _read(instance):
    """The options of all services of an instance, as the node keeps them."""
    return _json(_path(instance))


def _json(path):
    """What a file says; nothing where there is none."""
    return json.loads(__salt__["kw_textfile.content"](path) or "{}")
