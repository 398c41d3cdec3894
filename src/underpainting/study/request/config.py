"""What a study asks for: one class per concern, kept as `study.toml`."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from underpainting.errors import UnderpaintingError, printable, shown, suggested, wanted
from underpainting.readers import read_toml, refusing
from underpainting.vocabulary import (
    GUIDANCE,
    MOST_BLOCKS,
    PIXELS,
    SCHEDULERS,
    SEEDS,
    STEPS,
    STRENGTHS,
    Branch,
)

Share = Annotated[float, Field(gt=0, lt=1)]


def _setting(
    default: Any, about: str, *, option: str | None = None, first: bool = False, **limits: Any
) -> Any:
    """A setting: what it is, its name as an option where that is another, whether it is among the first."""
    return Field(default, description=about, title=option, json_schema_extra={"first": first}, **limits)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
            if isinstance(text, str) and printable(text) != text:
                raise ValueError("it holds characters that cannot be printed")
        return value


class ModelConfig(_Section):
    """The pipeline and how it denoises."""

    name: str = _setting("stilllife", "Name or folder of a pipeline.", option="model", first=True)
    scheduler: str = _setting(
        "lms", f"{', '.join(SCHEDULERS)}, a scheduler's class, or pipeline for its own.", first=True
    )
    steps: int = _setting(15, "Denoising steps.", first=True, ge=1, le=STEPS)
    guidance_scale: float = _setting(
        7.5, "Classifier-free guidance.", first=True, ge=0, le=GUIDANCE, allow_inf_nan=False
    )
    negative_prompt: str | None = _setting(
        None,
        "What pictures are not to show: the text of guidance's second branch.",
        first=True,
        max_length=10_000,
    )
    dtype: Literal["float32", "float16", "bfloat16"] = _setting(
        "float32", "Type of the weights: float32, float16, bfloat16.", first=True
    )
    variant: str | None = _setting(None, "Variant of the weights' files, such as fp16.", first=True)
    height: int | None = _setting(
        None, "Height of the pictures in pixels; the model's own if none.", ge=8, le=PIXELS
    )
    width: int | None = _setting(
        None, "Width of the pictures in pixels; the model's own if none.", ge=8, le=PIXELS
    )


class PromptsConfig(_Section):
    """Where prompts and seeds were read from (`prompts.parquet` holds what was read)."""

    file: str = _setting(
        "stilllife",
        "CSV or Parquet with columns prompt, and seed if there is one (or prompts,seeds,prompt_inds); a .txt "
        "file of one prompt a line; stilllife for the bundled ones.",
        option="prompts",
        first=True,
    )
    test_file: str | None = _setting(
        None,
        "A file whose pictures test; those of the other then fit and calibrate, in the proportion of their "
        "shares.",
        option="test_prompts",
        first=True,
    )
    limit: int | None = _setting(None, "Take only the first rows.", first=True, ge=1)


class SplitConfig(_Section):
    """Shares of the prompts that fit, calibrate and test."""

    fit: Share = _setting(0.6, "Share of the prompts that fit.")
    calibrate: Share = _setting(0.15, "Share of the prompts that calibrate.")
    test: Share = _setting(0.25, "Share of the prompts that test.")
    seed: int = _setting(0, "Seed of the split.", ge=0, lt=SEEDS)

    @model_validator(mode="after")
    def _whole(self) -> SplitConfig:
        total = self.fit + self.calibrate + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"fit, calibrate and test are shares that add up to 1, not {total:g}")
        return self


class WatchConfig(_Section):
    """Layers and guidance branches that are watched."""

    layers: tuple[str, ...] = _setting(
        ("self-attention",),
        "Layers to watch: self-attention, cross-attention, blocks (the residual stream), mlp, all, names, "
        "globs such as up.*, module paths, PATH@HEIGHTxWIDTHxCHANNELS.",
        first=True,
        min_length=1,
    )
    every_nth_block: int = _setting(
        1,
        "Of a kind of layers, or of a glob, watch those of every n-th block; names stay.",
        first=True,
        ge=1,
        le=MOST_BLOCKS,
    )
    branches: tuple[Branch, ...] = _setting(
        ("conditional",), "conditional, unconditional or both.", first=True, min_length=1
    )


class LabelsConfig(_Section):
    """What labels final pictures, and which of its properties; what says what pictures show."""

    estimator: str = _setting(
        "stilllife",
        "What labels the pictures: stilllife, tracer, tracer-te7, midas, midas-hybrid, depth-anything, "
        "marigold-depth, marigold-lighting, intrinsic, metric-depth:NAME, inverse-depth:NAME, a folder, "
        "module:Class. Several with commas between, such as tracer,midas.",
        first=True,
    )
    folder: str | None = _setting(
        None,
        "Labels of your own in place of an estimator's: FOLDER/PROPERTY/IMAGE.png or .npy.",
        option="labels",
        first=True,
    )
    properties: tuple[str, ...] = _setting((), "Properties to look for; all of the estimator's if none.")
    classifier: str | None = _setting(
        None,
        "What says what pictures show, step by step: stilllife, vgg16, timm:NAME, OWNER/NAME of the hub, a "
        "folder, module:Class.",
        first=True,
    )


class ProbesConfig(_Section):
    """How probes are solved."""

    strengths: tuple[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)], ...] = _setting(
        STRENGTHS,
        "Ridge strengths to choose from, relative to the channels' mean variance.",
        min_length=1,
        max_length=100,
    )


def _controls() -> ModuleType:
    """The registry of controls, imported when it is asked for: it takes torch and diffusers along."""
    return import_module("underpainting.controls")


class ControlsConfig(_Section):
    """Whose scores stand beside the probes'."""

    use: tuple[str, ...] = Field(
        default_factory=lambda: _controls().defaults(),
        description="Controls beside the probe, as `underpainting controls` lists them.",
        title="controls",
        json_schema_extra={"first": True},
    )
    share: float = _setting(
        0.2, "Share of the test pictures that the estimator looks at, step by step.", ge=0, le=1
    )

    objects: tuple[str, ...] = _setting(
        (), "What objects of prompts are called, for the control words; the classifier's classes if none."
    )

    @field_validator("use")
    @classmethod
    def _known(cls, use: tuple[str, ...]) -> tuple[str, ...]:
        known = _controls().controls()
        for key in use:
            if key not in known:
                raise ValueError(f"no control {key!r}; {nearest(key, known)}")
        return tuple(dict.fromkeys(use))


class RunConfig(_Section):
    """How the work is cut, and where it is done."""

    batch_size: int = _setting(8, "Pictures made at once.", ge=2, le=1024)
    shard_size: int = _setting(32, "Pictures kept at once.", ge=1, le=10_000)
    device: str = _setting("auto", "cpu, cuda, mps, ...", first=True)
    threads: int | None = _setting(
        None, "Threads of each process; as many as CPUs are given if none.", first=True, ge=1, le=4096
    )
    gallery: int = _setting(8, "Test pictures shown in the report.", ge=0, le=1000)


class StudyConfig(_Section):
    """A whole study, section by section as in `study.toml`."""

    model: ModelConfig = ModelConfig()
    prompts: PromptsConfig = PromptsConfig()
    split: SplitConfig = SplitConfig()
    watch: WatchConfig = WatchConfig()
    labels: LabelsConfig = LabelsConfig()
    probes: ProbesConfig = ProbesConfig()
    controls: ControlsConfig = Field(default_factory=ControlsConfig)
    run: RunConfig = RunConfig()


def parse_config(data: dict[str, Any], where: str) -> StudyConfig:
    """Check settings, section to key to value.

    Raises UnderpaintingError on an unknown key, naming the nearest known one, or on a value out of range.
    """
    with refusing(where, "correct it"):
        try:
            return StudyConfig.model_validate(data)
        except ValidationError as error:
            raise UnderpaintingError(f"{where}: {_first_fault(error)}") from None


def read_config(path: Path) -> StudyConfig:
    """Read `study.toml`. Raises UnderpaintingError where it is missing or not valid."""
    return parse_config(read_toml(path, "TOML file", "put it back, or init another folder"), str(path))


def config_toml(config: StudyConfig) -> str:
    """A config as TOML text that `read_config` reads back."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def changes(old: StudyConfig, new: StudyConfig) -> list[str]:
    """Settings that differ, each as `[section] key: old -> new`."""
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    return [
        f"[{section}] {key}: {value} -> {after[section][key]}"
        for section, values in before.items()
        for key, value in values.items()
        if value != after[section][key]
    ]


def nearest(name: str, known: Collection[str]) -> str:
    """What to say of a name that is not known."""
    return suggested(name, known) or f"known are {', '.join(known)}"


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = [str(part) for part in fault["loc"] if not isinstance(part, int)]
    if fault["type"] == "extra_forbidden":
        known = _known(place[:-1])
        return f"unknown key {place[-1]!r}{_within(place[:-1])}; {nearest(place[-1], known)}"
    reason = wanted(fault)
    if len(place) < 2:
        return f"{reason}{_within(place)}"
    return f"{place[1]} = {shown(fault['input'])}{_within(place[:1])}: {reason}"


def _within(place: list[str]) -> str:
    return f" in [{place[0]}]" if place else ""


def _known(place: list[str]) -> list[str]:
    section = StudyConfig.model_fields[place[0]].annotation if place else StudyConfig
    assert isinstance(section, type) and issubclass(section, BaseModel)
    return list(section.model_fields)
