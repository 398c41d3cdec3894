"""What a cell may hold, whatever the table is: a Parquet file, a DataFrame, a list."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from underpainting.errors import UnderpaintingError
from underpainting.study.request.given import given_rows
from underpainting.study.request.prompts import read_prompts
from underpainting.study.request.table import LONGEST

DAY = datetime.date(2026, 11, 26)
PROMPTS: list[tuple[Any, str]] = [
    (b"un caf\xc3\xa9", "un café"),
    (" a mug\t", "a mug"),
    ("a\u2028b\x85c\x0bd", "a\u2028b\x85c\x0bd"),
    ("x" * LONGEST, "x" * LONGEST),
]
NO_PROMPTS: list[tuple[Any, str]] = [
    (None, "prompt is empty"),
    ("", "prompt is empty"),
    (" \u2003", "prompt is empty"),
    (b"", "prompt is empty"),
    (b"caf\xe9", "not UTF-8"),
    (["a", "b"], "holds lists"),
    ({"a": "b"}, "holds dicts"),
    (3, "holds ints"),
    (3.0, "holds floats"),
    (True, "holds bools"),
    (DAY, "holds dates"),
    ("a\0b", "no text"),
    ("x" * (LONGEST + 1), f"{LONGEST + 1} characters"),
]
SEEDS: list[tuple[Any, int]] = [
    (7, 7),
    (3.0, 3),
    ("7", 7),
    (" 7 ", 7),
    ("7.0", 7),
    ("007", 7),
    (b"7", 7),
    (2**63 - 1, 2**63 - 1),
    (Decimal(7), 7),
]
NO_SEEDS: list[Any] = [
    *(
        None,
        "",
        "x",
        "-1",
        "+7",
        "1e3",
        "1_000",
        "2,041",
        "2 041",
        "\u0667",
        "\u00b2",
        "7.5",
        "nan",
        "inf",
        "0x7",
    ),
    *(-1, 2**63, 3.5, float("nan"), float("inf"), 1e300, float(2**53), True, b"\xff", [7], {"a": 7}, DAY),
    *("9" * 19, "9" * 5000),
]
KINDS = ["parquet", "frame", "pairs"]


def read(kind: str, prompt: Any, seed: Any, folder: Path) -> list[Any]:
    """Two rows, the second one of these cells, as a table of that kind."""
    rows = [("a plain one", 5), (prompt, seed)]
    if kind == "pairs":
        return given_rows(rows)
    if kind == "frame":
        frame = pd.DataFrame({"prompt": ["a plain one", "x"], "seed": [5, 6]}, dtype=object)
        frame.at[1, "prompt"], frame.at[1, "seed"] = prompt, seed
        return given_rows(frame)
    kind_of = pa.uint64() if isinstance(seed, int) and seed >= 2**63 else None
    columns = {"prompt": pa.array([prompt]), "seed": pa.array([seed], kind_of)}
    pq.write_table(pa.table(columns), folder / "p.parquet")
    return read_prompts(str(folder / "p.parquet"))


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_are_texts(kind: str, tmp_path: Path) -> None:
    for prompt, wanted in PROMPTS:
        assert read(kind, prompt, 1, tmp_path)[-1].prompt == wanted
    for prompt, line in NO_PROMPTS:
        with pytest.raises(UnderpaintingError, match=line) as caught:
            read(kind, prompt, 1, tmp_path)
        assert ("row 1: " if kind == "parquet" else "row 2: ") in str(caught.value)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_are_whole_numbers(kind: str, tmp_path: Path) -> None:
    for seed, wanted in SEEDS:
        assert read(kind, "a mug", seed, tmp_path)[-1].seed == wanted
    for seed in NO_SEEDS:
        with pytest.raises(UnderpaintingError, match=r"row [12]: seed .* is not a whole number"):
            read(kind, "a mug", seed, tmp_path)


def test_numbers_of_numpy_and_gaps_of_pandas() -> None:
    assert given_rows([("a", np.int32(4)), ("b", np.float32(3)), (np.str_("c"), np.uint64(9))])[2].seed == 9
    for seed in (np.bool_(True), np.float32("nan"), np.uint64(2**64 - 1), pd.NA, pd.NaT):
        with pytest.raises(UnderpaintingError, match=r"row 1: seed .* is not a whole number"):
            given_rows([("a", seed)])
        with pytest.raises(UnderpaintingError, match=r"row 1: seed .* is not a whole number"):
            given_rows(pd.DataFrame({"prompt": ["a"], "seed": pd.Series([seed], dtype=object)}))
    whole = pd.DataFrame({"prompt": ["a", "b"], "seed": pd.array([1, 2], dtype="Int64")})
    assert [row.seed for row in given_rows(whole.astype({"prompt": "category"}))] == [1, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": ["a"], "seed": [1]},
        {"a", "b"},
        b"a mug",
        7,
        None,
        np.array("a"),
        [{"prompt": "a", "seed": 1}],
        [{"a", "b"}],
        [None],
        [("a", 1, 2)],
        [("a",)],
        ["a\ud800"],
        pd.DataFrame({"prompt": ["a"], "prompts": ["b"]}),
        pd.DataFrame([["a", "b"]], columns=["prompt", "prompt"]),
        pd.DataFrame({"prompt": []}),
        pd.DataFrame(),
    ],
)
def test_what_is_no_table(wrong: Any) -> None:
    with pytest.raises(UnderpaintingError) as caught:
        given_rows(wrong)
    assert str(caught.value).startswith(("prompts ", "the DataFrame"))


def test_tables_of_other_libraries_and_text_that_is_none(tmp_path: Path) -> None:
    table = pa.table({"prompt": ["a", "b"], "seed": [1, 2]})
    assert [row.seed for row in given_rows(table)] == [1, 2]
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")]
    )
    pq.write_table(pa.table({"prompt": bad}), tmp_path / "p.parquet")
    with pytest.raises(UnderpaintingError, match="not a readable Parquet"):
        read_prompts(str(tmp_path / "p.parquet"))
