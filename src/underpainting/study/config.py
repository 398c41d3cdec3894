"""What a study asks for: one class per concern, kept as `study.toml`."""

from __future__ import annotations

import json
import tomllib
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from underpainting.errors import UnderpaintingError

LONGEST = 1_000_000  # bytes of a study.toml
Share = Annotated[float, Field(gt=0, lt=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(_Section):
    """The pipeline and how it denoises. height, width: in pixels, the pipeline's own if not given.

    variant: of its weights' files, as diffusers names it, such as fp16.
    """

    name: str = "stilllife"
    scheduler: str = "lms"
    steps: int = Field(default=15, ge=1, le=1000)
    guidance_scale: float = Field(default=7.5, ge=0, allow_inf_nan=False)
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    height: int | None = Field(default=None, ge=8)
    width: int | None = Field(default=None, ge=8)
    variant: str | None = None


class PromptsConfig(_Section):
    """Where prompts and seeds were read from (`prompts.parquet` holds what was read).

    test_file: pictures that test; those of `file` then fit and calibrate, in the proportion of their shares.
    """

    file: str = "stilllife"
    test_file: str | None = None
    limit: int | None = Field(default=None, ge=1)


class SplitConfig(_Section):
    """Shares of the prompts that fit, calibrate and test."""

    fit: Share = 0.6
    calibrate: Share = 0.15
    test: Share = 0.25
    seed: int = 0

    @model_validator(mode="after")
    def _whole(self) -> SplitConfig:
        total = self.fit + self.calibrate + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"fit, calibrate and test are shares that add up to 1, not {total:g}")
        return self


class WatchConfig(_Section):
    """Layers and guidance branches that are watched; layers as in `Model.resolve`."""

    layers: tuple[str, ...] = Field(default=("self-attention",), min_length=1)
    branches: tuple[Literal["conditional", "unconditional"], ...] = Field(
        default=("conditional",), min_length=1
    )


class LabelsConfig(_Section):
    """The estimator that labels final pictures, and which of its properties (none named: all).

    A classifier, where there is one, says what pictures show at every step.
    """

    estimator: str = "stilllife"
    properties: tuple[str, ...] = ()
    classifier: str | None = None


class ProbesConfig(_Section):
    """Ridge strengths to choose from, relative to the channels' mean variance."""

    strengths: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = Field(
        default=(1e-4, 1e-3, 1e-2, 1e-1, 1.0), min_length=1, max_length=100
    )


class ControlsConfig(_Section):
    """Costly controls: the estimator looks at every step of a share of the test pictures; a small network is
    trained to read the latents, or not; untrained twins of the network are shown its own latents, or (`-own`)
    denoise by themselves from the same noise.
    """

    share: float = Field(default=0.2, ge=0, le=1)
    network: bool = False
    twins: tuple[Literal["permuted", "fresh", "permuted-own", "fresh-own"], ...] = ()


class RunConfig(_Section):
    """How the work is cut: pictures in a batch and in a shard, the device, pictures in the gallery.

    threads: of each process; if not given, as many as CPUs are, shared out among the processes.
    """

    batch_size: int = Field(default=8, ge=2, le=1024)
    shard_size: int = Field(default=32, ge=1, le=10_000)
    device: str = "auto"
    gallery: int = Field(default=8, ge=0, le=1000)
    threads: int | None = Field(default=None, ge=1, le=4096)


class StudyConfig(_Section):
    """A whole study, section by section as in `study.toml`."""

    model: ModelConfig = ModelConfig()
    prompts: PromptsConfig = PromptsConfig()
    split: SplitConfig = SplitConfig()
    watch: WatchConfig = WatchConfig()
    labels: LabelsConfig = LabelsConfig()
    probes: ProbesConfig = ProbesConfig()
    controls: ControlsConfig = ControlsConfig()
    run: RunConfig = RunConfig()


def parse_config(data: dict[str, Any], where: str) -> StudyConfig:
    """Check settings, section to key to value.

    Raises UnderpaintingError on an unknown key, naming the nearest known one, or on a value out of range.
    """
    try:
        return StudyConfig.model_validate(data)
    except ValidationError as error:
        raise UnderpaintingError(f"{where}: {_first_fault(error)}") from None


def read_config(path: Path) -> StudyConfig:
    """Read `study.toml`. Raises UnderpaintingError where it is missing or not valid."""
    try:
        if path.stat().st_size > LONGEST:
            raise UnderpaintingError(f"{path} is no study's config: it has {path.stat().st_size} bytes")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnderpaintingError(f"{path} cannot be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise UnderpaintingError(f"{path} is not valid TOML: {error}") from None
    return parse_config(data, str(path))


def config_toml(config: StudyConfig) -> str:
    """A config as TOML text that `read_config` reads back."""
    parts = []
    for section, values in config.model_dump(mode="json", exclude_none=True).items():
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        parts.append("\n".join([f"[{section}]", *lines]) + "\n")
    return "\n".join(parts)


def changes(old: StudyConfig, new: StudyConfig) -> list[str]:
    """Settings that differ, each as `[section] key: old -> new`."""
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    return [
        f"[{section}] {key}: {value} -> {after[section][key]}"
        for section, values in before.items()
        for key, value in values.items()
        if value != after[section][key]
    ]


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = [str(part) for part in fault["loc"] if not isinstance(part, int)]
    if fault["type"] == "extra_forbidden":
        known = _known(place[:-1])
        near = get_close_matches(place[-1], known, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown key {place[-1]!r}{_within(place[:-1])}; {hint}"
    reason = fault["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    if len(place) < 2:
        return f"{reason}{_within(place)}"
    given = shorten(repr(fault["input"]), 60, placeholder=" ...")
    return f"{place[1]} = {given}{_within(place[:1])}: {reason}"


def _within(place: list[str]) -> str:
    return f" in [{place[0]}]" if place else ""


def _known(place: list[str]) -> list[str]:
    section = StudyConfig.model_fields[place[0]].annotation if place else StudyConfig
    assert isinstance(section, type) and issubclass(section, BaseModel)
    return list(section.model_fields)
