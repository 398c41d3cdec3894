"""`init`'s options are those of the config: each is there with its words, and ends in the study's config."""

from pathlib import Path
from typing import get_origin

import pytest
from typer.main import get_command

from underpainting import workflow
from underpainting.cli import command_line, main
from underpainting.observers.protocols import Kind
from underpainting.observers.registry import entries
from underpainting.study.request.config import StudyConfig
from underpainting.study.request.options import Option, options


def value(option: Option) -> str:
    """Some value of the setting's type that is not its default."""
    if option.key == "branches":
        return "conditional,unconditional"
    if option.key == "use":
        return "latents,permuted"
    if get_origin(option.field.annotation) is tuple:
        return "0.5,2" if option.key == "strengths" else "one,two"
    if option.key == "dtype":
        return "float16"
    if option.section == "split":
        return {"fit": "0.5", "calibrate": "0.2", "test": "0.3", "seed": "4"}[option.key]
    return (
        "0.5" if "float" in str(option.field.annotation) else "24" if "int" in str(option.field) else "name"
    )


def test_every_setting_can_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[StudyConfig] = []

    def keep(folder: Path, config: StudyConfig, **options: object) -> None:
        made.append(config)
        raise SystemExit

    monkeypatch.setattr(workflow, "init", keep)
    arguments = ["init", str(tmp_path / "study")]
    for name, option in options().items():
        if option.is_first:
            arguments += [f"--{name.replace('_', '-')}", value(option)]
        else:
            arguments += ["--set", f"{option.section}.{option.key}={value(option)}"]
    with pytest.raises(SystemExit):
        main(arguments)
    default = StudyConfig().model_dump(mode="json")
    for section, values in made[0].model_dump(mode="json").items():
        for key, given in values.items():
            assert given != default[section][key], f"{section}.{key}"
    assert made[0].probes.strengths == (0.5, 2) and made[0].controls.use == ("latents", "permuted")


def test_options_have_the_configs_words_and_defaults() -> None:
    command = get_command(command_line()).commands["init"]  # type: ignore[attr-defined]
    shown = {parameter.name: parameter for parameter in command.params}
    for name, option in options().items():
        assert (name in shown) == option.is_first
        if option.is_first:
            assert shown[name].help.startswith(option.field.description)
    assert shown["steps"].show_default == "15" and shown["prompts"].required


@pytest.mark.parametrize("kind", ["estimator", "classifier"])
def test_help_has_every_name_that_the_package_registers(kind: Kind) -> None:
    about = options()[kind].field.description or ""
    assert [entry.key for entry in entries(kind) if entry.key not in about] == []
