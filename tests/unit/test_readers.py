"""Files that were written properly read back; whatever is done to them, they read soundly or are one line."""

import errno
import io
import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from tests.probe_sets import one_probe
from underpainting import Captures, ProbeSet, UnderpaintingError, load_estimator
from underpainting.captures.files import owner_of, write_image
from underpainting.controls.network import LatentReader, load_reader, save_reader
from underpainting.observers.estimators.small_unet import SmallUNet, save_estimator
from underpainting.probes import Moments, TokenMeans, load_sums, ridge, save_sums
from underpainting.probes.published import import_published
from underpainting.readers import (
    checked_path,
    read_array,
    read_json,
    read_state,
    read_tensors,
    read_toml,
    reading,
    refusing,
    why,
)
from underpainting.records import (
    EMERGENCE,
    make_table,
    read_parts,
    read_table,
    sealing,
    write_json,
    write_table,
)
from underpainting.study.request.brought import open_brought
from underpainting.study.request.config import StudyConfig, config_toml, parse_config, read_config
from underpainting.study.request.prompts import PromptRow

QUIET: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
FAST = settings(max_examples=40, derandomize=True, **QUIET)
SLOW = settings(max_examples=2_000, **QUIET)


@dataclass(frozen=True)
class Sound:
    """A sound file, by its name in a folder; write makes all that lies there, use reads and uses it."""

    name: str
    write: Callable[[Path], None]
    use: Callable[[Path], None]


def write_probes(folder: Path) -> None:
    one_probe().save(folder)


def use_probes(folder: Path) -> None:
    probes = ProbeSet.load(folder)
    assert probes._repr_html_()
    for key in probes.entries:
        rows, columns = probes.grid(key.layer)
        channels = next(layer.channels for layer in probes.layers if layer.name == key.layer)
        assert probes.probe(*key).apply(torch.ones(rows * columns, channels)).isfinite().all()
    for name in probes.properties:
        assert probes.grid(probes.best_layer(name))
    probes.save_pretrained(folder / "again")


def write_capture(folder: Path) -> None:
    card = {
        "model": {"name": "tiny"},
        "layers": [{"name": "a", "path": "up", "grid": [2, 2], "channels": 3}],
        "kept_steps": [1, 2],
        "branches": ["conditional"],
        "dtype": "float16",
        "images": [{"prompt": "a mug", "seed": 1, "prompt_ind": 0}],
    }
    with sealing(folder / "capture.json") as temporary:
        write_json(temporary, card)
    tensors = {
        "a/1/conditional": torch.ones(4, 3),
        "a/2/conditional": torch.ones(4, 3),
        "picture": torch.zeros(2, 2, 3),
    }
    write_image(folder, owner_of(folder), PromptRow("a mug", 1, 0), tensors)


def use_capture(folder: Path) -> None:
    card = (folder / "capture.json").read_bytes()
    with sealing(folder / "capture.json") as temporary:  # whoever changed it sealed it anew
        temporary.write_bytes(card)
    captures = Captures(folder)
    assert isinstance(captures.dtype, torch.dtype)
    for layer in captures.layers:
        for step in captures.steps:
            for image in captures.images:
                assert isinstance(captures.read(image, layer.name, step), Tensor)


def write_moments(folder: Path) -> None:
    moments, means = Moments(3, 2), TokenMeans(4, 3)
    moments.update(torch.arange(15.0).reshape(5, 3), torch.eye(5)[:, :2])
    means.update(torch.ones(2, 4, 3))
    save_sums(folder / "sums", {"a": moments, "b": means}, {"shard": "3"})


def use_moments(folder: Path) -> None:
    for sums in load_sums(folder / "sums")[0].values():
        if isinstance(sums, Moments) and sums.n > 0:
            ridge(sums, [1.0])


def write_small(folder: Path) -> None:
    save_estimator(SmallUNet((4, 4, 4, 4)), (4, 4, 4, 4), folder)


def use_small(folder: Path) -> None:
    maps = load_estimator(folder)(torch.rand(1, 3, 16, 16))
    assert all(of.shape == (1, 16, 16) for of in maps.values())


PROBE = "at_step_1/segmentation_probe_up_3_attn1_out_0.pth"


def write_published(folder: Path) -> None:
    (folder / "at_step_1").mkdir()
    torch.save({"dense1.weight": torch.ones(2, 320)}, folder / PROBE)


def use_published(folder: Path) -> None:
    assert all(entry.probe.weight.isfinite().all() for entry in import_published(folder).entries.values())


def write_labels(folder: Path) -> None:
    (folder / "depth").mkdir()
    np.save(folder / "depth" / "x.npy", np.arange(16, dtype=np.float32).reshape(4, 4))


def use_labels(folder: Path) -> None:
    labels = open_brought(folder)
    assert all(maps.isfinite().all() for maps in labels.maps(["x"], (8, 8)).values())


def write_rows(folder: Path) -> None:
    columns = {name: ["a", "b"] for name in ("property", "layer", "source", "criterion")}
    columns |= {name: [1, None] for name in ("step", "low", "high")}  # type: ignore[dict-item]
    columns |= {name: [0.5, None] for name in ("share", "reached")}  # type: ignore[dict-item]
    write_table(folder / "x.parquet", make_table(EMERGENCE, columns), EMERGENCE)


def use_rows(folder: Path) -> None:
    assert read_table(folder / "x.parquet", EMERGENCE).schema == EMERGENCE
    assert sum(len(part.to_pylist()) for part in read_parts(folder / "x.parquet", EMERGENCE, ["step"])) >= 0


def write_config(folder: Path) -> None:
    (folder / "study.toml").write_text(config_toml(StudyConfig()))


def use_config(folder: Path) -> None:
    config = read_config(folder / "study.toml")
    (folder / "study.toml").write_text(config_toml(config))
    assert read_config(folder / "study.toml") == config


def use_latents(folder: Path) -> None:
    reader = load_reader(folder / "reader")
    assert reader(torch.ones(1, reader.first.in_channels - 1, 4, 4), torch.ones(1)).shape[0] == 1


SOUND = {
    "card of probes": Sound("card.json", write_probes, use_probes),
    "probes": Sound("probes.safetensors", write_probes, use_probes),
    "card of a capture": Sound("capture.json", write_capture, use_capture),
    "activations": Sound("prompt_0_seed_1.safetensors", write_capture, use_capture),
    "moments": Sound("sums", write_moments, use_moments),
    "configuration": Sound("config.json", write_small, use_small),
    "weights": Sound("model.safetensors", write_small, use_small),
    "reader of latents": Sound(
        "reader", lambda folder: save_reader(LatentReader(4, [True]), folder / "reader"), use_latents
    ),
    "checkpoint": Sound(PROBE, write_published, use_published),
    "label": Sound("depth/x.npy", write_labels, use_labels),
    "table": Sound("x.parquet", write_rows, use_rows),
    "config": Sound("study.toml", write_config, use_config),
}


@pytest.fixture(scope="module", params=SOUND)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Sound, Path]]:
    """A sound file, in a folder of what lies there."""
    folder = tmp_path_factory.mktemp("sound")
    sound = SOUND[request.param]
    torch.manual_seed(0)
    sound.write(folder)
    sound.use(folder)
    yield sound, folder


def check(sound: Sound, folder: Path, content: bytes) -> None:
    """The file reads with that content, and can be worked with; or it is refused in one line."""
    path = folder / sound.name
    whole = path.read_bytes()
    path.write_bytes(content)
    try:
        sound.use(folder)
    except UnderpaintingError as error:
        assert str(error).isprintable()
    finally:
        path.write_bytes(whole)


PLACES = st.integers(0, 1 << 20)
FLIPS = st.lists(st.tuples(PLACES, st.integers(0, 255)), min_size=1, max_size=8)
SPLICES = st.lists(st.tuples(PLACES, PLACES, st.integers(1, 64)), min_size=1, max_size=3)


def harmed(
    whole: bytes, flips: list[tuple[int, int]], splices: list[tuple[int, int, int]], cut: int
) -> bytes:
    """Bytes that are changed, copied elsewhere, cut off."""
    data = bytearray(whole)
    for place, value in flips:
        data[place % len(data)] = value
    for source, target, length in splices:
        start, end = source % len(data), target % len(data)
        data[end:end] = data[start : start + length]
    return bytes(data[: len(data) - cut % len(data)])


HARM = {"flips": st.just([]) | FLIPS, "splices": st.just([]) | SPLICES, "cut": st.just(0) | PLACES}


@FAST
@given(**HARM)
def test_whatever_is_done_to_its_bytes(case: tuple[Sound, Path], **harm: Any) -> None:
    check(*case, harmed((case[1] / case[0].name).read_bytes(), **harm))


@pytest.mark.slow
@SLOW
@given(**HARM)
def test_whatever_is_done_to_its_bytes_at_length(case: tuple[Sound, Path], **harm: Any) -> None:
    check(*case, harmed((case[1] / case[0].name).read_bytes(), **harm))


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["up.3.0", "a/b", "depth", 0, 1, -1, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
SWAPS = st.lists(st.tuples(PLACES, ANY | st.just(...)), min_size=1, max_size=3)


def swapped(data: Any, swaps: list[tuple[int, Any]]) -> Any:
    """JSON some of whose values are others; an ellipsis takes one away."""
    data = {"": data}
    for number, value in swaps:
        homes = list(_homes(data))
        home, key = homes[number % len(homes)]
        if value is ...:
            del home[key]
        else:
            home[key] = value
        if not data:
            return None
    return data.get("")


def _homes(data: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        yield data, key
        yield from _homes(data[key])


def check_swaps(case: tuple[Sound, Path], swaps: list[tuple[int, Any]]) -> None:
    sound, folder = case
    whole = (folder / sound.name).read_bytes()
    if sound.name.endswith(".json"):
        check(sound, folder, json.dumps(swapped(json.loads(whole), swaps)).encode())
    elif sound.name == "study.toml":
        data = swapped(StudyConfig().model_dump(mode="json"), swaps)
        try:
            parse_config(data, "here")
        except UnderpaintingError as error:
            assert str(error).isprintable()
    elif sound.name.endswith((".safetensors", "sums", "reader")):
        size = int.from_bytes(whole[:8], "little")
        header = json.dumps(swapped(json.loads(whole[8 : 8 + size]), swaps)).encode()
        check(sound, folder, len(header).to_bytes(8, "little") + header + whole[8 + size :])
    elif sound.name.endswith(".pth"):
        held = io.BytesIO()
        torch.save(swapped({"dense1.weight": torch.ones(2, 320)}, swaps), held)
        check(sound, folder, held.getvalue())


@FAST
@given(swaps=SWAPS)
def test_whatever_its_values_are(case: tuple[Sound, Path], swaps: list[tuple[int, Any]]) -> None:
    check_swaps(case, swaps)


@pytest.mark.slow
@SLOW
@given(swaps=SWAPS)
def test_whatever_its_values_are_at_length(case: tuple[Sound, Path], swaps: list[tuple[int, Any]]) -> None:
    check_swaps(case, swaps)


def test_what_is_sound_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text('{"a": [1, 2.5, null, "\u00e9"]}', encoding="utf-8")
    assert read_json(path) == {"a": [1, 2.5, None, "\u00e9"]}
    path.write_text('a = "\u00e9"\n[b]\nc = 1\n', encoding="utf-8")
    assert read_toml(path) == {"a": "\u00e9", "b": {"c": 1}}
    values = torch.arange(6.0).reshape(2, 3)
    save_file({"a": values}, path)
    assert torch.equal(read_tensors(path)["a"], values)
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        torch.save({"a": values, "b": torch.nn.Parameter(values)}, path, **options)
        assert all(torch.equal(of, values) for of in read_state(path).values())
    with path.open("wb") as file:
        np.save(file, values.numpy())
    assert np.array_equal(read_array(path), values.numpy())


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}")
    (tmp_path / "y").symlink_to("x")
    assert read_json(tmp_path / "y") == {}
    assert checked_path(tmp_path / "not there") == tmp_path / "not there"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), "it is not there"),
        (PermissionError(errno.EACCES, "Permission denied"), "permission denied"),
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deeply"),
        (MemoryError(), "it is larger than the memory"),
        (pickle.UnpicklingError("Weights only load failed. Do this."), "it is damaged, or holds code"),
        (KeyError("steps"), "it lacks 'steps'"),
        (ValueError("odd. Call this."), "odd"),
        (TypeError("no list"), "TypeError: no list"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_the_line_says_why(error: Exception, said: str, tmp_path: Path) -> None:
    assert why(error).startswith(said)
    (tmp_path / "x").touch()
    with (
        pytest.raises(UnderpaintingError, match=r"x is no readable card: .*; make it again") as caught,
        reading(tmp_path / "x", "card", "make it again"),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_a_stop_is_no_error() -> None:
    with pytest.raises(KeyboardInterrupt), refusing("this", "do that"):
        raise KeyboardInterrupt
    with pytest.raises(UnderpaintingError, match="this: SystemExit: 3; do that"), refusing("this", "do that"):
        raise SystemExit(3)


def test_a_line_is_one_line_of_bounded_length() -> None:
    line = str(UnderpaintingError(f"a\n\tb\x1b[31m\u2028\0\ud800 {'c' * 9_000} the end"))
    assert line.startswith("a b\\x1b[31m \\x00\\ud800 ccc") and line.endswith("ccc the end")
    assert len(line) < 1_100 and line.isprintable()
