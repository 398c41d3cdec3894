"""A file of prompts may hold a column more, which comes row by row."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from underpainting.study.request.prompts import read_column


def test_a_column_more_of_csv_and_parquet(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        '\ufeffPrompt,Seed,"Move"\n"a mug, blue",1,"0.2,-0.1"\n\na lemon,2,\n', "utf-8"
    )
    assert read_column(str(tmp_path / "p.csv"), "move") == ["0.2,-0.1", ""]
    assert read_column(str(tmp_path / "p.csv"), "mask") is None
    table = {"prompt": ["a mug", "a lemon"], "seed": [1, 2], "move": ["0.2,-0.1", None]}
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    assert read_column(str(tmp_path / "p.parquet"), "move") == ["0.2,-0.1", ""]
    assert read_column("stilllife", "move") is None
