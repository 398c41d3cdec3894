"""From arrays of scores to the rows of a table, each in the right name."""

from pathlib import Path

import pyarrow as pa
import torch

from tests.unit.study.places import small_places
from underpainting.records import SCORES, read_table
from underpainting.study.kept.scores import gather, joined, layer_rows, place_rows, score_rows
from underpainting.study.request.prompts import PromptRow

PICTURES = [PromptRow("a mug", 7, 0), PromptRow("a mug", 8, 0), PromptRow("a lemon", 7, 1)]


def by_place(table: pa.Table) -> dict[tuple[object, ...], float]:
    """Values by all that a row says of them; each is there once."""
    rows = table.to_pylist()
    named = ("source", "property", "metric", "image", "layer", "step", "branch")
    values = {tuple(row[name] for name in named): row["value"] for row in rows}
    assert len(values) == len(rows)
    return values


def test_every_value_is_in_the_row_of_its_place() -> None:
    values = torch.arange(2 * 3 * 2 * 2 * 2, dtype=torch.float32).reshape(2, 3, 2, 2, 2)
    scores = {("depth", "spearman"): values[0].permute(0, 1, 2, 3), ("saliency", "dice"): values[1]}
    table = score_rows("probe", scores, PICTURES, ["a", "b"], [1, 2], ["conditional", "unconditional"])
    assert table.schema == SCORES and table.num_rows == values.numel()
    found = by_place(table)
    for k, (name, metric) in enumerate(scores):
        for p, row in enumerate(PICTURES):
            for i, layer in enumerate("ab"):
                for step in (1, 2):
                    for b, branch in enumerate(("conditional", "unconditional")):
                        at = ("probe", name, metric, row.image, layer, step, branch)
                        assert found[at] == float(values[k, p, i, step - 1, b])
    prompts = {(row["image"], row["prompt"]) for row in table.to_pylist()}
    assert prompts == {(row.image, row.prompt) for row in PICTURES}


def test_no_score_is_no_number_and_nothing_is_no_row() -> None:
    scores = {("depth", "spearman"): torch.full((3, 1, 1, 1), torch.nan)}
    table = score_rows("luminance", scores, PICTURES, [""], [0], [""])
    assert all(row["value"] != row["value"] for row in table.to_pylist())
    assert {(row["layer"], row["step"], row["branch"]) for row in table.to_pylist()} == {("", 0, "")}
    assert score_rows("luminance", {}, PICTURES, [""], [0], [""]).num_rows == 0


def test_what_stands_in_is_in_the_name_of_the_layers_it_stands_for() -> None:
    places = small_places()
    assert [layer.name for layer in places.layers] == ["a", "b", "c", "twice.2x2", "twice.2x3"]
    true = torch.rand(3, 5, 2, 2, generator=torch.Generator().manual_seed(0))
    shuffled = torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    key = ("depth", "spearman")
    tables = list(place_rows({"probe": {key: true}, "shuffled": {key: shuffled}}, places, PICTURES))
    found = by_place(pa.concat_tables(tables))
    assert len(found) == 3 * (3 * 3 * 2 * 2)
    columns = {"probe": (true, [0, 1, 2]), "twice": (true, [3, 4, 3]), "shuffled": (shuffled, [0, 1, 2])}
    for source, (values, index) in columns.items():
        for p, row in enumerate(PICTURES):
            for layer, column in zip("abc", index, strict=True):
                for step in (1, 2):
                    for b, branch in enumerate(places.branches):
                        at = (source, *key, row.image, layer, step, branch)
                        assert found[at] == float(values[p, column, step - 1, b])


def test_what_has_layers_alone_has_no_step_and_no_branch() -> None:
    places, values = small_places(), torch.rand(3, 3, generator=torch.Generator().manual_seed(0))
    found = by_place(layer_rows("ceiling", {("depth", "rmse"): values}, places, PICTURES))
    assert found == {
        ("ceiling", "depth", "rmse", row.image, layer, 0, ""): float(values[p, i])
        for p, row in enumerate(PICTURES)
        for i, layer in enumerate("abc")
    }


def test_batches_and_tables_keep_their_order(tmp_path: Path) -> None:
    key = ("depth", "spearman")
    batches = [{"probe": {key: torch.full((n, 1, 1, 1), float(n))}} for n in (1, 2)]
    scores = joined(batches)
    assert scores["probe"][key].flatten().tolist() == [1, 2, 2]
    assert joined([]) == {}
    tables = [
        score_rows("probe", batch["probe"], PICTURES[n : 2 * n + 1], ["a"], [1], ["conditional"])
        for n, batch in enumerate(batches)
    ]
    gather(tables, tmp_path / "scores.parquet")
    back = read_table(tmp_path / "scores.parquet", SCORES)
    assert [row["image"] for row in back.to_pylist()] == [row.image for row in PICTURES]
    assert back["value"].to_pylist() == [1, 2, 2]
