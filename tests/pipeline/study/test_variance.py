"""What the seed decides, asked of a tiny study, and of a model whose seed decides nothing."""

import json
from typing import Any

import pandas as pd
import pytest

from benchmarks.fixed_noise import fixed
from tests.command import call
from underpainting import UnderpaintingError
from underpainting.findings.variance import variances
from underpainting.records import LAYOUTS
from underpainting.seeds import variance as module
from underpainting.seeds.layout import QUANTITIES, layouts
from underpainting.seeds.variance import design, measure, worth
from underpainting.study.environment import reload
from underpainting.study.schedule import in_batches
from underpainting.study.study import StudyFolder


def test_the_question_from_end_to_end(
    done: StudyFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int]] = []
    make_batch = module.make_batch

    def counting(loaded: Any, rows: Any, *more: Any) -> Any:
        made.extend((row.prompt, row.seed) for row in rows)
        if len(made) == 4 and not stopped:
            stopped.append(True)
            raise KeyboardInterrupt
        return make_batch(loaded, rows, *more)

    stopped: list[bool] = []
    monkeypatch.setattr(module, "make_batch", counting)
    asked = ("variance", done.folder, "--prompts", 2, "--seeds", 3)
    assert call(*asked) == 130 and "goes on after the last whole batch" in capsys.readouterr().err
    assert worth(done, "across") is None
    assert call(*asked, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    rows = design(done, 2, 3)
    taken = {row.seed for row in done.rows}
    assert not taken & {row.seed for row in rows} and len({row.prompt for row in rows}) == 2
    whole = [(row.prompt, row.seed) for row in rows]
    assert made == [*whole[:4], *whole[2:]]  # the batch that was stopped is made again, and no other
    assert [(row["quantity"], row["step"]) for row in answer] == [
        (name, step) for name in QUANTITIES for step in range(4)
    ]
    for file in done.seeds_folder.rglob("*.parquet"):
        done.require(file)
    own = worth(done, "down")
    assert own is not None and own.seed == next(row["seed"] for row in answer if row["quantity"] == "down")
    # Of finished pictures it is the label's layout, and asked again nothing is made.
    labels = module.make_batch(
        reload(done), rows[:2], done.config.model, lambda _: None, lambda _: None
    ).labels
    cells = pd.concat([done.table(path, LAYOUTS).to_pandas() for path in _parts(done)])
    assert len(cells) == 6 * 4 * len(QUANTITIES) and not cells.duplicated(["image", "step", "quantity"]).any()
    finished = cells[cells.step == 0].set_index(["quantity", "image"]).value
    for name, values in layouts(labels).items():
        assert [finished[name, row.image] for row in rows[:2]] == pytest.approx(values.tolist(), abs=1e-3)
    monkeypatch.setattr(module, "reload", None)
    assert call(*asked) == 0
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if line.startswith("choosing seeds ")]
    assert [sum(f" {name} (" in line for line in lines) for name in QUANTITIES] == [1] * len(QUANTITIES)
    assert len({line.partition(":")[0] for line in lines}) == len(lines) and "at step" not in said
    (done.seeds_folder / "variance.parquet").write_bytes(b"")
    with pytest.raises(UnderpaintingError, match="contents changed"):
        worth(done, "across")


def _parts(study: StudyFolder) -> list[Any]:
    return sorted(study.seeds_folder.glob("variance-*/*.parquet"))


def test_a_seed_that_decides_nothing_is_told(done: StudyFolder) -> None:
    loaded = fixed(reload(done))
    size = done.config.run.batch_size
    tables = [measure(done, loaded, done.probes, rows) for rows in in_batches(design(done, 3, 3), size)]
    finished = [row for row in variances(tables, QUANTITIES) if row.step == 0]
    assert len(finished) == len(QUANTITIES)
    assert all(row.pays is False and not row.other_seed > 0.01 for row in finished)
    assert any(row.prompt > 0.99 for row in finished)
