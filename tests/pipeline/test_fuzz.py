"""Whatever a reader is fed, it reads or says in one line why not; what was written reads back."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.probe_sets import one_probe
from underpainting import UnderpaintingError
from underpainting.diffusion import Layer, Model
from underpainting.probes import Moments, ProbeSet, TokenMeans, load_sums, save_sums
from underpainting.study.request.config import StudyConfig, config_toml, parse_config, read_config
from underpainting.study.request.prompts import read_prompts

FUZZ = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reads(reader: Callable[[], Any]) -> Any:
    """What a reader gives, or None where it refuses in one line."""
    try:
        return reader()
    except UnderpaintingError as error:
        assert str(error) and "\n" not in str(error)
        return None


@FUZZ
@given(data=st.binary(max_size=300), header=st.sampled_from([b"", b"prompt,seed\n", b"PAR1", b"\xff\xfe"]))
def test_prompts_of_any_bytes(data: bytes, header: bytes, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(header + data)
    rows = reads(lambda: read_prompts(str(tmp_path / "p")))
    assert rows is None or all(row.prompt.strip() and row.seed >= 0 for row in rows)


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40)


@FUZZ
@given(
    rows=st.lists(
        st.tuples(LINES.filter(str.strip), st.integers(0, 2**63 - 1)), min_size=1, unique=True, max_size=20
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_prompts_that_were_written_properly_read_back(
    rows: list[tuple[str, int]], encoding: str, tmp_path: Path
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("prompt", "seed"), *rows])
    (tmp_path / "p").write_bytes(text.getvalue().encode(encoding))
    read = reads(lambda: read_prompts(str(tmp_path / "p")))
    assert read is not None
    assert [(row.prompt.strip(), row.seed) for row in read] == [(p.strip(), s) for p, s in rows]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [*StudyConfig.model_fields, "steps", "batch_size", "layers", "strengths", "fit", "stesp"]


@FUZZ
@given(data=st.dictionaries(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(NAMES), ANY) | ANY))
def test_configs_of_any_shape(data: dict[str, Any], tmp_path: Path) -> None:
    config = reads(lambda: parse_config(data, "here"))
    if config is not None:
        (tmp_path / "study.toml").write_text(config_toml(config), encoding="utf-8")
        assert read_config(tmp_path / "study.toml") == config


@FUZZ
@given(text=st.text(max_size=200))
def test_config_files_of_any_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    reads(lambda: read_config(tmp_path / "study.toml"))


MUTATIONS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6)


def mutated(data: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    return bytes(changed[: len(changed) - cut % len(changed)])


@FUZZ
@given(changes=MUTATIONS, cut=st.just(0) | st.integers(0, 10**6))
def test_moments_files_with_any_damage(changes: list[tuple[int, int]], cut: int, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole", tmp_path / "damaged"
    if not whole.exists():
        moments = Moments(3, 2)
        moments.update(torch.randn(5, 3), torch.randn(5, 2))
        save_sums(whole, {"a": moments, "b": TokenMeans(4, 3)}, {"shard": "3"})
    path.write_bytes(mutated(whole.read_bytes(), changes, cut))
    reads(lambda: load_sums(path))


@FUZZ
@given(
    changes=MUTATIONS,
    cut=st.just(0) | st.integers(0, 10**6),
    name=st.sampled_from(["card.json", "probes.safetensors"]),
)
def test_probe_sets_with_any_damage(
    changes: list[tuple[int, int]], cut: int, name: str, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    if not whole.exists():
        one_probe().save(whole)
    folder = tmp_path / "damaged"
    folder.mkdir(exist_ok=True)
    for path in whole.iterdir():
        data = path.read_bytes()
        (folder / path.name).write_bytes(mutated(data, changes, cut) if path.name == name else data)
    reads(lambda: ProbeSet.load(folder))


@FUZZ
@given(
    name=st.text(max_size=30)
    | st.from_regex(r"(up|down|mid)(_blocks)?\.[0-9](\.attentions)?\.[0-9]", fullmatch=True)
)
def test_layers_of_any_name(name: str, model: Model) -> None:
    found = reads(lambda: model.resolve([name]))
    assert found is None or all(isinstance(layer, Layer) for layer in found)
    if found is None:
        with pytest.raises(UnderpaintingError, match=r"unknown layer|gives|one tensor"):
            model.resolve([name])
