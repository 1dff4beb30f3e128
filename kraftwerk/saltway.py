"""Which way Salt's calls go to a node: by the engine that kraftwerk sends there, or by Salt's stock program."""

import os

VARIABLE = "KRAFTWERK_TRANSPORT"
ENGINE = "engine"
STOCK = "salt"
WAYS = (ENGINE, STOCK)


def choose(way: str) -> None:
    """Take a way for this process and all that it starts, such as the workers of a deploy to several nodes."""
    os.environ[VARIABLE] = way


def is_stock() -> bool:
    """Tell whether the stock program was asked for."""
    return os.environ.get(VARIABLE) == STOCK
