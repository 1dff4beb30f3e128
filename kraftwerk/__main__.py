"""The program `kraftwerk`, and `python -m kraftwerk`."""

import gc

MANY = 50_000  # objects made until Python looks for garbage; its own 700 have it look dozens of times at every start


def main() -> None:
    """Run the command line, and end with its exit code."""
    gc.set_threshold(MANY)
    from kraftwerk.cli import main as run  # late: so that its imports have it easier, too

    try:
        run()
    finally:
        gc.freeze()  # the end looks for no garbage either: a process that ends has none


if __name__ == "__main__":
    main()
