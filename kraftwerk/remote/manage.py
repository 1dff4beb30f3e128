"""Runs on a node, as an argument of python: several calls of a Django project's manage.py, one after the other.

manage.py MARK COMMAND…, each command being words that are split at blanks, the name of the file first. MARK goes out,
on a line of its own on stdout and on stderr, before each. Starting Python and the project takes most of the time of
such a call: here it is done once. The first that fails ends all, with its exit code.
"""

import runpy
import sys


def main(mark: str, *commands: str) -> None:
    """Call them."""
    for command in commands:
        for stream in (sys.stdout, sys.stderr):
            print(mark, file=stream, flush=True)
        sys.argv = command.split()
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as ended:
            if ended.code not in (None, 0):
                raise


if __name__ == "__main__":
    main(*sys.argv[1:])
