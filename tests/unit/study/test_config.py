"""Configs on disk, and what is said of bad ones."""

from pathlib import Path
from typing import Any

import pytest

from underpainting.errors import UnderpaintingError
from underpainting.study.request.config import StudyConfig, changes, config_toml, parse_config, read_config


def test_a_config_reads_back_as_it_was_written(tmp_path: Path) -> None:
    data: dict[str, Any] = {
        "model": {"name": 'a "quoted" \u00e9 \\ name', "steps": 7},
        "prompts": {"file": "p.csv", "limit": 9},
        "probes": {"strengths": [1e-5, 2]},
        "watch": {"layers": ["up.3.0"], "branches": ["conditional", "unconditional"]},
    }
    config = parse_config(data, "here")
    (tmp_path / "study.toml").write_text(config_toml(config), encoding="utf-8")
    assert read_config(tmp_path / "study.toml") == config
    assert config.probes.strengths == (1e-5, 2.0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"model": {"stesp": 3}}, r"here: unknown key 'stesp' in \[model\]; did you mean 'steps'\?"),
        ({"modle": {}}, r"unknown key 'modle'; did you mean 'model'\?"),
        ({"model": {"steps": 0}}, r"steps = 0 in \[model\]: input should be greater than or equal to 1"),
        ({"run": {"batch_size": 1}}, r"batch_size = 1 in \[run\]"),
        ({"split": {"fit": 0.5}}, r"add up to 1, not 0\.9 in \[split\]"),
        ({"model": {"dtype": "int8"}}, r"dtype = 'int8' in \[model\].*float16"),
        ({"probes": {"strengths": ["x"]}}, r"strengths = 'x' in \[probes\]"),
    ],
)
def test_bad_settings_are_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UnderpaintingError, match=message):
        parse_config(data, "here")


def test_broken_toml(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[model\n")
    with pytest.raises(UnderpaintingError, match="not valid TOML"):
        read_config(tmp_path / "study.toml")


def test_changes_name_section_and_key() -> None:
    assert changes(StudyConfig(), parse_config({"split": {"seed": 3}}, "")) == ["[split] seed: 0 -> 3"]
