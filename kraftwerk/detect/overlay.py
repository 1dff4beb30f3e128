"""Files that are added to a project: settings that production needs, where the code reads no variable for them."""

import json
from collections.abc import Sequence

MODULE = "kraftwerk_settings"
APPLICATION = "kraftwerk_wsgi"
UPLOADS = ('MEDIA_ROOT = os.environ["UPLOADS_PATH"]', 'MEDIA_URL = os.environ["MEDIA_URL"]')  # of Django
HEAD = '''"""Settings on servers over those of {module}, which read none of them. Written by `kraftwerk adopt`."""

import os

from {module} import *  # noqa: F403
'''
PASTED = '''"""The application that {file} describes: `kraftwerk adopt` wrote this, as gunicorn asks for a callable."""

import os

from pyramid.paster import get_app, setup_logging

_INI = os.path.join(os.path.dirname(os.path.abspath(__file__)), {path})
setup_logging(_INI)
application = get_app(_INI, "main")
'''


WRAPPED = '''"""{target} with settings that it reads from nowhere. Written by `kraftwerk adopt`."""

import os{before}
from {module} import {imported}
{made}
{after}'''
INSTANCE_FOLDER = """
import flask

# Its instance folder, in a release, could not be written.
flask.Flask.auto_find_instance_path = lambda self: os.path.dirname(os.environ["SQLITE_PATH"])
"""


def settings(module: str, lines: Sequence[str]) -> str:
    """Return a settings module over another one.

    Args:
        module: whose settings it begins with.
        lines: the code of those that are different.
    """
    return HEAD.format(module=module) + "\n" + "\n".join(lines) + "\n"


def pasted(file: str, path: str) -> str:
    """Return a module with the application of an ini file.

    Args:
        file: the ini file, as the project's root sees it.
        path: the same, as the module's folder sees it.
    """
    return PASTED.format(file=file, path=json.dumps(path))


def application(target: str, after: Sequence[str], *, instance: bool = False) -> str:
    """Return a module with an application of Flask's that gets settings once it is made.

    Args:
        target: module:callable of the project's own.
        after: the code of the settings.
        instance: whether its instance folder lies elsewhere.
    """
    module, _, made = target.partition(":")
    name, bracket, _ = made.partition("(")
    return WRAPPED.format(
        target=target,
        module=module,
        imported=name if bracket or name == "application" else f"{name} as application",
        made=f"\napplication = {made}" if bracket else "",
        before=INSTANCE_FOLDER if instance else "",
        after="".join(f"{line}\n" for line in after),
    )
