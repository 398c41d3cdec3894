"""Activations on disk: what the pipeline gave, image by image, resumed, read lazily, trained on."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch.utils.data import DataLoader

import underpainting
from benchmarks.faults import contents
from underpainting.captures.read import Captures
from underpainting.captures.write import activation_bytes, carry_out, plan_capture
from underpainting.cli import capture as command
from underpainting.cli import main
from underpainting.diffusion import Layer, Model, load
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.records import sealing
from underpainting.study.study import StudyFolder, open_study

PLACES = {"layers": ["mid.0", "up.3.0"], "steps": [1, 3], "branches": ["unconditional", "conditional"]}
PROMPTS, SEEDS = ["a red thing", "a blue thing", "a red thing"], [3, 4, 5]


@pytest.fixture(scope="module")
def loaded(pipeline_folder: Path) -> Model:
    return load(pipeline_folder, device="cpu")


@pytest.fixture
def small(loaded: Model, tmp_path: Path) -> Captures:
    """Three images of two prompts, one layer."""
    return underpainting.capture(
        loaded, PROMPTS, SEEDS, tmp_path / "small", layers=["up.3.0"], steps=2, dtype="float32", batch_size=2
    )


def test_what_a_study_saw_is_written(finished: StudyFolder, tmp_path: Path) -> None:
    before = contents(finished.folder)
    captures = carry_out(
        plan_capture(finished, tmp_path / "out", **PLACES, dtype="float32", split="test"),
        Progress(),
    )
    assert contents(finished.folder) == before
    shards = finished.of_split("test")
    assert captures.images == tuple(row.image for shard in shards for row in shard.pictures)
    assert [(of.name, of.grid) for of in captures.layers] == [("mid.0", (2, 2)), ("up.3.0", (16, 16))]
    for shard in shards:
        for batch in shard.batches:
            seen: dict[int, dict[str, dict[str, torch.Tensor]]] = {}

            def keep(record: underpainting.diffusion.StepRecord, seen: dict = seen) -> None:
                seen[record.step] = {
                    name: {branch: x.clone() for branch, x in of.items()}
                    for name, of in record.activations.items()
                }

            load(finished.config.model.name).denoise(
                [row.prompt for row in batch],
                [row.seed for row in batch],
                steps=3,
                watch=PLACES["layers"],
                branches=PLACES["branches"],
                on_step=keep,
            )
            for i, row in enumerate(batch):
                png = Image.open(finished.shard_folder(shard.number) / "images" / f"{row.image}.png")
                assert np.array_equal(captures.picture(row.image).numpy(), np.asarray(png))
                for step in PLACES["steps"]:
                    for layer, of in seen[step].items():
                        for branch, x in of.items():
                            read = captures.read(row.image, layer, step, branch)
                            assert read.dtype == torch.float32 and torch.equal(read, x[i])


def test_what_the_study_set_aside_is_left_out_and_other_weights_are_refused(
    finished: StudyFolder, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished.folder, copy)
    left = finished.shards[0].pictures[1]
    (copy / "shards" / "00000" / "aside.json").write_text(json.dumps({left.image: "black"}))
    plan = plan_capture(open_study(copy), tmp_path / "out", **PLACES)
    assert plan.rows == tuple(r for of in finished.shards for r in of.pictures if r != left)
    recorded = json.loads(finished.environment_file.read_text())
    recorded["model"]["weights"]["unet"] = "0" * 64
    with sealing(copy / "environment.json") as temporary:
        temporary.write_text(json.dumps(recorded))
    with pytest.raises(UnderpaintingError, match="the model is not the one"):
        plan_capture(open_study(copy), tmp_path / "out", **PLACES)


def test_one_file_an_image_as_documented(small: Captures) -> None:
    assert sorted(path.name for path in small.folder.iterdir()) == [
        "capture.json",
        *(f"{image}.safetensors" for image in ("prompt_0_seed_3", "prompt_0_seed_5", "prompt_1_seed_4")),
    ]
    with safe_open(small.folder / "prompt_1_seed_4.safetensors", "pt") as file:
        assert set(file.keys()) == {"picture", "up.3.0/1/conditional", "up.3.0/2/conditional"}
        about = json.loads(file.metadata()["about"])
        assert about == {"image": "prompt_1_seed_4", "prompt": "a blue thing", "seed": 4, "prompt_ind": 1}
        assert file.get_slice("up.3.0/1/conditional").get_shape() == [256, 8]
    assert [row.seed for row in small.rows] == SEEDS and small.steps == (1, 2)
    stacked = small.stack("up.3.0", 2)
    assert stacked.shape == (3, 256, 8) and torch.equal(stacked[1], small.read(small.images[1], "up.3.0", 2))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_halves_the_disk(loaded: Model, small: Captures, tmp_path: Path, dtype: str) -> None:
    options = {"layers": ["up.3.0"], "steps": 2, "batch_size": 2}
    half = underpainting.capture(loaded, PROMPTS, SEEDS, tmp_path / "half", dtype=dtype, **options)
    x, full = half.stack("up.3.0", 1), small.stack("up.3.0", 1)
    assert x.dtype == getattr(torch, dtype) and torch.equal(x, full.to(x.dtype))
    sizes = [image.stat().st_size for image in half.folder.glob("*.safetensors")]
    picture = 32 * 32 * 3
    assert max(sizes) - activation_bytes(half.layers, half.steps, half.branches, dtype) - picture < 1000
    assert activation_bytes(half.layers, half.steps, half.branches, dtype) == 256 * 8 * 2 * 2


def test_the_size_of_stable_diffusion_is_told_as_published() -> None:
    sides = [64, 64, 32, 32, 16, 16, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64]
    channels = {64: 320, 32: 640, 16: 1280, 8: 1280}
    layers = [Layer(str(i), (side, side), channels[side], path="") for i, side in enumerate(sides)]
    size = activation_bytes(layers, range(15), ("conditional", "unconditional"), "float16")
    assert size == pytest.approx(692e6, rel=2e-3)


class Stops(Progress):
    """Is interrupted in the middle of the second batch."""

    def __init__(self) -> None:
        self.left = 3

    def advance(self, pictures: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_finished_images_are_not_made_again(loaded: Model, small: Captures, tmp_path: Path) -> None:
    def again(progress: Progress) -> Captures:
        options = {"layers": ["up.3.0"], "steps": 2, "dtype": "float32", "batch_size": 2}
        return underpainting.capture(loaded, PROMPTS, SEEDS, tmp_path / "b", **options, progress=progress)

    with pytest.raises(KeyboardInterrupt):
        again(Stops())
    part = Captures(tmp_path / "b")
    assert part.images == small.images[:2]
    (tmp_path / "b" / ".left.1-ab.partial").write_bytes(b"half written")
    made = {image: (tmp_path / "b" / f"{image}.safetensors").stat().st_mtime_ns for image in part.images}
    assert again(Progress()).images == small.images
    assert contents(tmp_path / "b") == contents(small.folder)
    now = {image: (tmp_path / "b" / f"{image}.safetensors").stat().st_mtime_ns for image in part.images}
    assert made == now
    (tmp_path / "b" / f"{part.images[0]}.safetensors").unlink()
    again(Progress())
    assert contents(tmp_path / "b") == contents(small.folder)
    with pytest.raises(UnderpaintingError, match=r"begun with another kept_steps; capture to another"):
        underpainting.capture(
            loaded,
            PROMPTS,
            SEEDS,
            tmp_path / "b",
            layers=["up.3.0"],
            steps=2,
            keep=[2],
            dtype="float32",
            batch_size=2,
        )
    assert contents(tmp_path / "b") == contents(small.folder)


def test_unsound_pictures_are_set_aside_once(
    loaded: Model, small: Captures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, decode = small.picture("prompt_1_seed_4"), loaded.decode
    calls: list[int] = []

    def black(latents: torch.Tensor) -> torch.Tensor:
        calls.append(len(latents))
        pictures = decode(latents)
        same = [((x.permute(1, 2, 0) * 255 - bad).abs() < 3).all() for x in pictures]
        return torch.where(torch.tensor(same)[:, None, None, None], 0.0, pictures)

    monkeypatch.setattr(loaded, "decode", black)
    options = {"layers": ["up.3.0"], "steps": 2, "dtype": "float32", "batch_size": 2}
    for _ in range(2):
        made = underpainting.capture(loaded, PROMPTS, SEEDS, tmp_path / "c", **options)
    assert made.images == ("prompt_0_seed_5",) and calls == [2, 1]
    assert (
        json.loads((made.folder / "aside.json").read_text())["prompt_1_seed_4"]
        == "the picture is of one colour"
    )


def test_values_beyond_the_dtype_are_named(pipeline_folder: Path, tmp_path: Path) -> None:
    model = load(pipeline_folder, device="cpu")
    layer = model.pipe.unet.up_blocks[3].attentions[0].transformer_blocks[0].attn1.to_out[0]
    with torch.no_grad():
        layer.weight *= 1e7
    with pytest.raises(
        UnderpaintingError, match=r"up\.3\.0 holds values beyond float16 in step 1; .*bfloat16"
    ):
        underpainting.capture(model, ["a"], [1], tmp_path / "d", layers=["up.3.0"], steps=1)


def test_a_convolutions_grid_is_written_as_tokens(loaded: Model, tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []
    hook = loaded.pipe.unet.conv_in.register_forward_hook(lambda module, x, out: seen.append(out[1:].clone()))
    layer = ["conv_in@16x16x8"]
    made = underpainting.capture(loaded, ["a"], [1], tmp_path / "c", layers=layer, steps=1, dtype="float32")
    hook.remove()
    assert torch.equal(made.read(made.images[0], "conv_in", 1), seen[0][0].flatten(1).T)


def test_a_dataset_feeds_a_loader_with_workers(small: Captures) -> None:
    labels = {image: torch.tensor(float(i)) for i, image in enumerate(small.images) if i != 1}
    place = small.dataset("up.3.0", 2, labels=labels)
    assert len(place) == 2 and place.images == (small.images[0], small.images[2])
    (x, y), *rest = DataLoader(place, batch_size=2, num_workers=2)
    assert rest == [] and y.tolist() == [0.0, 2.0]
    assert torch.equal(x, small.stack("up.3.0", 2, images=place.images).float())
    assert torch.equal(small.dataset("up.3.0", 1)[1], small.read(small.images[1], "up.3.0", 1).float())
    with pytest.raises(UnderpaintingError, match="none of these images"):
        small.dataset("up.3.0", 2, labels={})


def test_what_was_not_captured_is_named(small: Captures, tmp_path: Path) -> None:
    with pytest.raises(UnderpaintingError, match=r"holds no up\.3\.0/3/conditional; .* steps 1, 2, branches"):
        small.read(small.images[0], "up.3.0", 3)
    with pytest.raises(UnderpaintingError, match="holds no image 'nobody'; its first is prompt_0_seed_3"):
        small.read("nobody", "up.3.0", 1)
    path = small.folder / "prompt_0_seed_3.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnderpaintingError, match="is damaged"):
        small.read("prompt_0_seed_3", "up.3.0", 1)
    with pytest.raises(UnderpaintingError, match="holds no captured activations"):
        Captures(tmp_path)
    (small.folder / "capture.json").write_text("{}")
    with pytest.raises(UnderpaintingError, match=r"capture\.json is damaged"):
        Captures(small.folder)


def test_requests_that_cannot_be_met(loaded: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(words: str, *, seeds: tuple[int, ...] = (1, 2), **options: object) -> None:
        with pytest.raises(UnderpaintingError, match=words):
            underpainting.capture(loaded, ["a", "b"], seeds, tmp_path / "e", **{"steps": 2, **options})
        assert not (tmp_path / "e").exists() or not list((tmp_path / "e").iterdir())

    refused("a seed for each", seeds=(1,))
    refused("step 3 is not there: give steps from 1 to 2", keep=[1, 3])
    refused("no steps are given", keep=[])
    refused("dtype 'int8' is unknown", dtype="int8")
    refused("unknown branch", branches=("both",))
    refused("unknown layer up.9.9", layers=["up.9.9"])
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    refused("GB are free; choose fewer")


def test_the_command_tells_the_size_and_asks(
    new_study: Callable[[str], StudyFolder],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = new_study("asked")
    out = study.folder.parent / "captures"

    def call(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["capture", str(study.folder), "--out", str(out), "--layers", "mid.0", *arguments])
        return left.value.code, *capsys.readouterr()

    code, _, err = call("--steps", "1,x")
    assert code == 2 and "whole numbers" in err
    code, _, err = call("--split", "train")
    assert code == 2 and "give fit, calibrate, test" in err
    monkeypatch.setattr(command, "ASK_ABOVE", 1000)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, shown, err = call("--steps", "3")
    images = 14
    assert code == 2 and f"{images} of {images} images to make" in shown and "give --yes" in err
    terminal = io.StringIO("n\n")
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    assert call("--steps", "3")[0] == 1 and not out.exists()
    code, shown, _ = call("--steps", "3", "--yes")
    assert code == 0 and shown.endswith(f"done: {out}\n") and len(Captures(out).images) == images
    code, shown, _ = call("--steps", "3")
    assert code == 0 and f"0 of {images} images to make, 0 B" in shown
    assert not study.environment_file.exists()
