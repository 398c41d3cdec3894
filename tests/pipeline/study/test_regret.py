"""Collecting pictures for regret against cost: stopped and gone on with; against the study's labels."""

import shutil
from pathlib import Path

import pytest
import torch

from benchmarks.regret.collect import collect
from benchmarks.regret.kept import part_file, read_collection
from benchmarks.regret.observe import SIDE
from benchmarks.regret.schedules import searched
from benchmarks.regret.scores import WISHES, score_table
from benchmarks.subject import FIRST_SEED
from underpainting.diffusion import Model, StepRecord
from underpainting.diffusion.still import white_noise
from underpainting.errors import UnderpaintingError
from underpainting.progress import Progress
from underpainting.readers import read_tensors
from underpainting.seeds.layout import on_grid
from underpainting.seeds.search import search
from underpainting.study.study import StudyFolder, open_study


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


@pytest.fixture(scope="module")
def study(acted_on: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    folder = tmp_path_factory.mktemp("regret") / "study"
    shutil.copytree(acted_on.folder, folder)
    return open_study(folder)


@pytest.fixture(scope="module")
def whole(study: StudyFolder) -> Path:
    """A collection of one prompt and four seeds, made without a break."""
    folder = study.folder.with_name("whole")
    collect(study, folder, 1, 4, Progress())
    return folder


def test_a_collection_that_is_stopped_goes_on_and_is_the_same(
    study: StudyFolder, whole: Path, tmp_path: Path
) -> None:
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        collect(study, stopped, 1, 4, Stopping(3))
    with pytest.raises(UnderpaintingError, match=r"lacks . of . batches"):
        read_collection(stopped)
    kept = part_file(stopped, "pictures", 0)
    before = kept.stat().st_mtime_ns
    again = Stopping(100)
    collect(study, stopped, 1, 4, again)
    assert again.done == 2
    assert kept.stat().st_mtime_ns == before
    one, other = maps_of(whole), maps_of(stopped)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)

    collected = read_collection(stopped)
    assert (len(collected.prompts), collected.seeds, collected.steps) == (1, 4, 3)
    assert collected.seconds.step > 0
    rows = study.sound_rows("calibrate")
    for name, maps in collected.taught.final.items():
        labels = torch.stack([study.labels(name)[row.image] for row in rows]).float()
        assert torch.allclose(maps.float(), on_grid(labels, (SIDE, SIDE)), atol=2e-3)
        assert len(collected.tried.final[name]) == 4
    assert {source for source, _ in collected.tried.predicted} == {"noise", "probe", "estimator"}

    with pytest.raises(UnderpaintingError, match="other seeds"):
        collect(study, stopped, 1, 3, Progress())


def test_a_search_of_the_benchmark_is_the_one_that_people_run(study: StudyFolder, whole: Path) -> None:
    collected = read_collection(whole)
    table = score_table(collected)
    seeds = [FIRST_SEED + i for i in range(4)]
    for number, wish in enumerate(WISHES[:2]):
        own = search(study, collected.prompts[0], [wish], seeds=seeds, finish=1)
        predicted = {step: of[number, 0] for step, of in table.of_source("probe").items()}
        lessons = table.lessons["probe"][number][0]
        best, _, stretches = searched(predicted, lessons, table.target[number, 0], 1)
        spent = sum(count * (end - start) for start, end, count in stretches) + 3 - stretches[-1][1]
        assert spent == own.cost.evaluations
        assert best == pytest.approx(own.rows[0].score, abs=2e-3)


def test_what_cannot_be_collected_is_said(study: StudyFolder, tmp_path: Path) -> None:
    with pytest.raises(UnderpaintingError, match="test prompts"):
        collect(study, tmp_path / "many", 100, 4, Progress())
    with pytest.raises(UnderpaintingError, match="neither a study nor a collection"):
        read_collection(tmp_path)


def test_the_noise_is_what_pictures_begin_with(model: Model) -> None:
    seen: list[StepRecord] = []
    model.denoise(["a thing"] * 2, [3, 4], steps=3, on_step=seen.append, stop_after=1)
    noise = white_noise(seen[0].latents, [3, 4])
    assert torch.allclose(seen[0].latents, noise * (seen[0].latents.std() / noise.std()), atol=1e-4)
