"""Why a release doesn't come up: what is read from its log."""

import pytest

from kraftwerk.cause import Cause, find

TRACEBACK = 'Traceback (most recent call last):\n  File "/web/shop/releases/3/shop.py", line 1, in <module>\n'
FROM_ENVIRON = TRACEBACK + '  File "<frozen os>", line 679, in __getitem__\n'


@pytest.mark.parametrize(
    ("log", "text"),
    [
        ("", ""),
        ("[2026] [15] [INFO] Starting gunicorn 25.0.0", ""),
        (f"{TRACEBACK}    import nowhere\nModuleNotFoundError: No module named 'nowhere'\n[15] [INFO] Worker exiting",
         "ModuleNotFoundError: No module named 'nowhere'"),
        (f"{TRACEBACK}KeyError: 'a'\n\nDuring handling of the above exception, another exception occurred:\n\n"
         f"{TRACEBACK}ImproperlyConfigured: no engine", "ImproperlyConfigured: no engine"),
        (f"{TRACEBACK}KeyError: 'colour'", "KeyError: 'colour'"),
        (f"{TRACEBACK}MemoryError", "its processes ran out of memory"),
        ("[ERROR] Worker (pid:17) was sent SIGKILL! Perhaps out of memory?",
         "its processes were killed; did the node run out of memory?"),
        ("[CRITICAL] WORKER TIMEOUT (pid:17)\n[ERROR] Worker (pid:17) was sent SIGABRT!",
         "its workers took too long and were killed"),
        ("[ERROR] Worker (pid:17) exited with code 7.", "its workers exit with code 7"),
        (f"{TRACEBACK}RuntimeError: no\n[ERROR] Worker (pid:17) exited with code 3.", "RuntimeError: no"),
    ],
)  # fmt: skip
def test_what_is_told(log, text):
    assert find(log).text == text


@pytest.mark.parametrize(
    "log",
    [
        f"{FROM_ENVIRON}KeyError: 'STRIPE_KEY'",
        f"{TRACEBACK}django.core.exceptions.ImproperlyConfigured: Set the STRIPE_KEY environment variable",
        f"{TRACEBACK}decouple.UndefinedValueError: STRIPE_KEY not found. Declare it as envvar",
    ],
)
def test_a_variable_that_is_not_set_is_told_with_the_command_that_sets_it(log):
    raised = log.splitlines()[-1]
    assert find(log) == Cause(
        f"{raised}: the variable STRIPE_KEY is not set", "kraftwerk config set environ.STRIPE_KEY VALUE"
    )
