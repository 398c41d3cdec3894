"""The commands that the benchmark of workers gives can be given."""

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benchmarks.workers import BATCH, commands
from underpainting.cli import command_line
from underpainting.cli._options import given_settings
from underpainting.study.request.config import parse_config


@pytest.mark.parametrize(
    ("way", "workers", "on"), [("one", "1", "here"), ("two", "2", "here"), ("ray", "2", "ray")]
)
def test_its_commands_can_be_given(tmp_path: Path, way: str, workers: str, on: str) -> None:
    known: dict[str, Any] = get_command(command_line()).commands  # type: ignore[attr-defined]
    init, run = commands(tmp_path / "study", way, 8)
    given = known["init"].make_context("init", init[1:]).params
    asked = {key: value for key, value in given.items() if key not in ("study", "preset")}
    config = parse_config(given_settings(asked), "settings")
    assert (config.run.batch_size, config.run.shard_size, config.prompts.limit) == (BATCH, BATCH, 8)
    params = known["run"].make_context("run", run[1:]).params
    assert (params["workers"], params["on"]) == (workers, on)
