"""Configs on disk, settings by name, and what is said of bad ones."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from underpainting.controls import controls, defaults
from underpainting.errors import UnderpaintingError
from underpainting.study.request.config import (
    StudyConfig,
    changes,
    config_toml,
    parse_config,
    read_config,
)
from underpainting.study.request.options import by_section, options


def test_a_config_reads_back_as_it_was_written(tmp_path: Path) -> None:
    data: dict[str, Any] = {
        "model": {"name": 'a "quoted" \u00e9 \\ name', "steps": 7},
        "prompts": {"file": "p.csv", "limit": 9},
        "probes": {"strengths": [1e-5, 2]},
        "watch": {"layers": ["up.3.0"], "branches": ["conditional", "unconditional"]},
        "controls": {"use": ["network", "decoder"], "share": 0.5},
    }
    config = parse_config(data, "here")
    (tmp_path / "study.toml").write_text(config_toml(config), encoding="utf-8")
    assert read_config(tmp_path / "study.toml") == config
    assert config.probes.strengths == (1e-5, 2.0)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(name=TEXTS, layers=st.lists(TEXTS, max_size=3), strengths=st.lists(st.floats(0, 1e9), max_size=3))
@example(name="a\x7fb", layers=["\x7f", "'''\"\"\"\\"], strengths=[1e-7])
def test_any_text_and_number_is_read_back(name: str, layers: list[str], strengths: list[float]) -> None:
    asked = StudyConfig()
    asked = asked.model_copy(  # past the checks, which refuse what cannot be printed
        update={
            "model": asked.model.model_copy(update={"name": name}),
            "watch": asked.watch.model_copy(update={"layers": tuple(layers)}),
            "probes": asked.probes.model_copy(update={"strengths": tuple(strengths)}),
        }
    )
    read = tomllib.loads(config_toml(asked))
    assert read["model"]["name"] == name and read["watch"]["layers"] == layers
    assert read["probes"]["strengths"] == strengths


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"model": {"stesp": 3}}, r"here: unknown key 'stesp' in \[model\]; did you mean 'steps'\?"),
        ({"modle": {}}, r"unknown key 'modle'; did you mean 'model'\?"),
        ({"model": {"steps": 0}}, r"steps = 0 in \[model\]: give 1 or more"),
        ({"model": {"steps": 2.5}}, r"steps = 2\.5 in \[model\]: give a whole number"),
        ({"split": {"fit": 1}}, r"fit = 1 in \[split\]: give less than 1"),
        ({"model": {"dtype": "fp16"}}, r"give float32, float16 or bfloat16; did you mean 'float16'\?"),
        ({"run": {"batch_size": 1}}, r"batch_size = 1 in \[run\]"),
        ({"split": {"fit": 0.5}}, r"add up to 1, not 0\.9 in \[split\]"),
        ({"model": {"dtype": "int8"}}, r"dtype = 'int8' in \[model\].*float16"),
        ({"probes": {"strengths": ["x"]}}, r"strengths = 'x' in \[probes\]"),
        (
            {"controls": {"use": ["latent"]}},
            r"use = .*: no control 'latent'; did you mean 'latents'\?",
        ),
        ({"model": {"name": "a\x1b[31m"}}, r"name = 'a\\x1b\[31m' in \[model\]: it holds characters that"),
        ({"watch": {"layers": ["up.3.0", "x\n"]}}, r"layers = .* in \[watch\]: it holds characters that"),
        ({"controls": {"use": ["zzz"]}}, r"no control 'zzz'; known are .*permuted-own"),
        ({"controls": {"network": True}}, r"unknown key 'network' in \[controls\]; known are use, share"),
    ],
)
def test_bad_settings_are_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UnderpaintingError, match=message):
        parse_config(data, "here")


def test_broken_toml(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[model\n")
    with pytest.raises(UnderpaintingError, match="no readable TOML file"):
        read_config(tmp_path / "study.toml")


def test_changes_name_section_and_key() -> None:
    assert changes(StudyConfig(), parse_config({"split": {"seed": 3}}, "")) == ["[split] seed: 0 -> 3"]


def test_controls_are_the_defaults_unless_named_and_each_is_used_once() -> None:
    assert StudyConfig().controls.use == defaults() == parse_config({}, "").controls.use
    assert parse_config({"controls": {"use": []}}, "").controls.use == ()
    every = [*controls(), *controls()]
    assert parse_config({"controls": {"use": every}}, "").controls.use == tuple(controls())


def test_every_setting_has_one_name_a_default_and_a_description() -> None:
    named = options()
    settings = {(section, key) for section, values in StudyConfig().model_dump().items() for key in values}
    assert {(option.section, option.key) for option in named.values()} == settings
    assert len(named) == len(settings)  # no name stands for two
    for name, option in named.items():
        assert option.field.description and name.isidentifier()
        default = getattr(getattr(StudyConfig(), option.section), option.key)
        assert option.field.get_default(call_default_factory=True) == default
    assert {"model", "prompts", "steps", "estimator", "labels", "controls"} <= {
        name for name, option in named.items() if option.is_first
    }
    assert not named["strengths"].is_first and not named["seed"].is_first


def test_settings_by_name_are_put_into_their_sections() -> None:
    given = {"model": "mine", "steps": 3, "labels": "maps", "controls": ("latents",), "share": 0.5}
    sections = by_section(given)
    assert sections == {
        "model": {"name": "mine", "steps": 3},
        "labels": {"folder": "maps"},
        "controls": {"use": ("latents",), "share": 0.5},
    }
    config = parse_config(sections, "")
    assert (config.model.name, config.labels.folder, config.controls.use) == ("mine", "maps", ("latents",))
    with pytest.raises(UnderpaintingError, match="no setting 'stesp'; did you mean 'steps'"):
        by_section({"stesp": 3})
