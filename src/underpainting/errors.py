"""The one kind of error that a person, not a bug, causes."""


class UnderpaintingError(Exception):
    """A mistake in what was asked for: one line saying what is wrong, where, and what to do.

    The command line prints the line and exits with code 2; a bug keeps its traceback.
    """
