"""Runs on a node, as an argument of `manage.py shell --command`: makes the superusers that are missing.

Reads {name: {field: value}} on stdin; null is a value that the admin couldn't decrypt. The project's own
createsuperuser does it, with what it reads from DJANGO_SUPERUSER_<FIELD>: set here, inside the process, so that
neither arguments nor the environment that /proc shows hold a password.
"""

import json
import os
import sys

from django.contrib.auth import get_user_model  # type: ignore[import-not-found]
from django.core.management import CommandError, call_command  # type: ignore[import-not-found]

answer: "dict[str, list[str]]" = {"created": [], "unreadable": []}
model = get_user_model()
login = model.USERNAME_FIELD
for name, fields in json.load(sys.stdin).items():
    if login != "username" and not fields.get(login):
        sys.exit(name + ": people log in by " + login + " here; superusers." + name + "." + login + " is missing")
    username = fields.get(login, name)
    if model._default_manager.filter(**{login: username}).exists():
        continue
    if None in fields.values():
        answer["unreadable"].append(name)
        continue
    variables = {"DJANGO_SUPERUSER_" + field.upper(): value for field, value in fields.items()}
    os.environ.update(variables)
    try:
        call_command("createsuperuser", interactive=False, verbosity=0, **{login: username})
    except CommandError as error:
        sys.exit(name + ": " + str(error))
    for variable in variables:
        del os.environ[variable]
    answer["created"].append(name)
print("kraftwerk-superusers:" + json.dumps(answer))
