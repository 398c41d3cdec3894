"""Whatever a message quotes, it is one line that a person can read."""

import math
from pathlib import Path
from typing import Any

import pytest

from underpainting.errors import UnderpaintingError, one_line, paths_in_one_line, require_number, shown


def kind(value: Any) -> str:
    """A name for a case whose value has too many digits to be one."""
    return type(value).__name__


@pytest.mark.parametrize(
    "value", ["x" * 10_000, 10**5000, [10**5000], "a\nb", b"\0" * 999, float("nan")], ids=kind
)
def test_values_are_quoted_in_a_few_words(value: Any) -> None:
    assert 0 < len(shown(value)) <= 70 and "\n" not in shown(value)


def test_long_words_are_cut_and_lines_joined() -> None:
    assert one_line("a\n b\u2028c") == "a b c"
    line = str(UnderpaintingError(f"no {'x' * 5000}y; give another"))
    assert line.startswith("no xxx") and line.endswith("xy; give another") and len(line) < 400


@pytest.mark.parametrize(
    "value", [0, 6, -1, 2**64, 10**5000, math.nan, math.inf, True, "3", None, 2.5, [3], 3j], ids=kind
)
def test_numbers_out_of_range(value: Any) -> None:
    with pytest.raises(UnderpaintingError, match=r"steps is .*: give a whole number from 1 to 5"):
        require_number("steps", value, 1, 5, whole=True)
    require_number("steps", 3, 1, 5, whole=True)


@pytest.mark.parametrize("path", ["x" * 300, "/dev/null/x", "file/x"])
def test_paths_that_cannot_be_used(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnderpaintingError, match="give another path"), paths_in_one_line():
        (tmp_path / path).mkdir(parents=True)
    with pytest.raises(OSError), paths_in_one_line():
        raise OSError("of no path: a bug")
