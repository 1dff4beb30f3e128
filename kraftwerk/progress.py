"""What long work is doing just now, told to whoever listens: the command line shows it, plain Salt logs it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None]] = ContextVar("listener", default=logging.getLogger(__name__).info)


def report(text: str) -> None:
    """Tell what is being done."""
    _listener.get()(text)


@contextmanager
def told_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Have everything that is reported in this block told to a function, such as a step's `progress`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
