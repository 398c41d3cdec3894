import math

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from underpainting.errors import UnderpaintingError
from underpainting.records import PROMPTS, SCORES, make_table, read_table, write_table


def scores(images: list[str]) -> pa.Table:
    n = len(images)
    return make_table(
        SCORES,
        {
            "property": ["depth"] * n,
            "layer": ["up.3.0"] * n,
            "step": list(range(1, n + 1)),
            "branch": ["conditional"] * n,
            "image": images,
            "prompt": ["a blue mug, \u00e9"] * n,
            "source": ["probe"] * n,
            "metric": ["spearman"] * n,
            "value": [math.nan, *(i / 7 for i in range(1, n))],
        },
    )


def test_rows_come_back_as_written(tmp_path) -> None:
    table = scores(["a", "b", "c"])
    write_table(tmp_path / "scores.parquet", table, SCORES)
    back = read_table(tmp_path / "scores.parquet", SCORES)
    assert back.schema.equals(SCORES)
    assert back.drop_columns(["value"]).equals(table.drop_columns(["value"]))
    values = back["value"].to_pylist()
    assert math.isnan(values[0]) and values[1:] == table["value"].to_pylist()[1:]
    assert pq.ParquetFile(tmp_path / "scores.parquet").metadata.row_group(0).column(8).compression == "ZSTD"


def test_columns_and_filters(tmp_path) -> None:
    write_table(tmp_path / "scores.parquet", scores(["a", "b", "c"]), SCORES)
    chosen = read_table(tmp_path / "scores.parquet", SCORES, ["step", "image"], pc.field("step") > 1)
    assert chosen.to_pydict() == {"step": [2, 3], "image": ["b", "c"]}
    chosen = read_table(tmp_path / "scores.parquet", SCORES, ["value"], [("image", "==", "b")])
    assert chosen.to_pydict() == {"value": [1 / 7]}


def test_equal_rows_give_equal_bytes_however_joined(tmp_path) -> None:
    whole = scores(["b", "a", "c", "a"])
    parts = pa.concat_tables([whole.slice(2), whole.slice(0, 2)]).take([2, 3, 0, 1])
    parts = pa.concat_tables([parts.slice(0, 1), parts.slice(1)])
    assert parts["image"].num_chunks > 1
    write_table(tmp_path / "whole", whole, SCORES)
    write_table(tmp_path / "parts", parts.select(reversed(SCORES.names)), SCORES)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()


def test_prompts_table(tmp_path) -> None:
    row = {
        "image": ["prompt_3_seed_9"],
        "prompt": ["x"],
        "seed": [2**40],
        "prompt_ind": [3],
        "split": ["fit"],
    }
    write_table(tmp_path / "prompts.parquet", make_table(PROMPTS, row), PROMPTS)
    assert read_table(tmp_path / "prompts.parquet", PROMPTS).to_pydict() == row


def test_wrong_columns_and_types_are_named(tmp_path) -> None:
    row = {"image": ["a"], "prompt": ["x"], "seed": [1], "prompt_ind": [3], "split": ["fit"]}
    with pytest.raises(UnderpaintingError, match="missing: seed, unknown: sead"):
        make_table(PROMPTS, {("sead" if k == "seed" else k): v for k, v in row.items()})
    with pytest.raises(UnderpaintingError, match="make no table"):
        make_table(PROMPTS, {**row, "seed": ["one"]})
    with pytest.raises(UnderpaintingError, match="make no table"):
        make_table(PROMPTS, {**row, "seed": [1, 2]})
    with pytest.raises(UnderpaintingError, match="columns must be"):
        write_table(tmp_path / "x", make_table(PROMPTS, row), SCORES)
    assert not (tmp_path / "x").exists()


def test_a_missing_broken_or_foreign_file_is_refused(tmp_path) -> None:
    (tmp_path / "broken").write_bytes(b"no parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "foreign")
    for name, reason in (
        ("missing", "no readable table"),
        ("broken", "no readable table"),
        ("foreign", "unknown: x"),
    ):
        with pytest.raises(UnderpaintingError, match=reason):
            read_table(tmp_path / name, SCORES)
