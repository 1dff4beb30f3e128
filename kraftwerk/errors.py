"""The one exception for what the user did or met."""

INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended


class KraftwerkError(Exception):
    """Something that the user can understand and mend; caught once, in cli.py, and printed as one line.

    Args:
        cause: what happened, in one line, with the file and key where there is one.
        next_command: what to do about it; printed after an arrow.
        code: the exit code: 1 failed, 2 bad usage or configuration.
    """

    def __init__(self, cause: str, *, next_command: str = "", code: int = 1) -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_command = next_command
        self.code = code

    def __str__(self) -> str:
        """Return the cause and the next command as they are printed."""
        return f"{self.cause} → {self.next_command}" if self.next_command else self.cause


def unreadable(file: str, error: Exception) -> str:
    """Return in one line why a file can't be read."""
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
    return f"{file} can't be read: {reason}"
