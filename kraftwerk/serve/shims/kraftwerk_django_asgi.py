"""Runs in the project's own Python, by uvicorn: its application, with the static files of runserver."""

import importlib
import os
from functools import reduce

module, _, path = os.environ["KRAFTWERK_ASGI"].partition(":")
inner = reduce(getattr, path.split("."), importlib.import_module(module))
# Not before: settings are read from what the project's module says.
handlers = importlib.import_module("django.contrib.staticfiles.handlers")
application = handlers.ASGIStaticFilesHandler(inner)
