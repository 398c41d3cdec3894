"""Collecting pictures for regret against cost: stopped and gone on with; against the study's labels."""

from pathlib import Path

import pytest
import torch

from benchmarks.regret.collect import SIDE, collect, part_file, read_collection
from underpainting.diffusion import Model, StepRecord
from underpainting.diffusion.still import white_noise
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.readers import read_tensors
from underpainting.seeds.layout import on_grid
from underpainting.study.study import StudyFolder


class Stopping(Progress):
    """A person who stops the run when so many pictures are made."""

    def __init__(self, after: float) -> None:
        self.left = after
        self.total = self.done = 0.0

    def start(self, total: float, done: float = 0, unit: str = "pictures") -> None:
        self.total, self.done = total, done

    def advance(self, made: float) -> None:
        self.left -= made
        if self.left < 0:
            raise KeyboardInterrupt


def maps_of(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.name}/{name}": of
        for path in sorted(folder.glob("*-*.safetensors"))
        for name, of in read_tensors(path).items()
        if not name.startswith("seconds/")
    }


def test_a_collection_that_is_stopped_goes_on_and_is_the_same(done: StudyFolder, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    collect(done, whole, 2, 2, Progress())
    with pytest.raises(KeyboardInterrupt):
        collect(done, stopped, 2, 2, Stopping(3))
    with pytest.raises(UnderpaintingError, match=r"lacks . of . batches"):
        read_collection(stopped)
    kept = part_file(stopped, "pictures", 0)
    before = kept.stat().st_mtime_ns
    again = Stopping(100)
    collect(done, stopped, 2, 2, again)
    assert again.done == 2
    assert kept.stat().st_mtime_ns == before
    one, other = maps_of(whole), maps_of(stopped)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)

    collected = read_collection(stopped)
    assert (len(collected.prompts), collected.seeds, collected.steps) == (2, 2, 3)
    assert collected.seconds.step > 0
    rows = done.sound_rows("calibrate")
    for name, maps in collected.taught.final.items():
        labels = torch.stack([done.labels(name)[row.image] for row in rows]).float()
        assert torch.allclose(maps.float(), on_grid(labels, (SIDE, SIDE)), atol=2e-3)
        assert len(collected.tried.final[name]) == 4
    assert {source for source, _ in collected.tried.predicted} == {"noise", "probe", "estimator"}

    with pytest.raises(UnderpaintingError, match="other seeds"):
        collect(done, stopped, 2, 3, Progress())


def test_what_cannot_be_collected_is_said(done: StudyFolder, tmp_path: Path) -> None:
    with pytest.raises(UnderpaintingError, match="test prompts"):
        collect(done, tmp_path / "many", 100, 4, Progress())
    with pytest.raises(UnderpaintingError, match="neither a study nor a collection"):
        read_collection(tmp_path)


def test_the_noise_is_what_pictures_begin_with(model: Model) -> None:
    seen: list[StepRecord] = []
    model.denoise(["a thing"] * 2, [3, 4], steps=3, on_step=seen.append, stop_after=1)
    noise = white_noise(seen[0].latents, [3, 4])
    assert torch.allclose(seen[0].latents, noise * (seen[0].latents.std() / noise.std()), atol=1e-4)
