"""The command line as a test calls it."""

import pytest

from underpainting.cli import main


def call(*words: object) -> int:
    """The exit code of a command, given in words."""
    with pytest.raises(SystemExit) as stopped:
        main(list(map(str, words)))
    return int(stopped.value.code or 0)
