"""The published study's settings, pictures of two files, and what `init` says where weights are not here."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from underpainting.cli import main
from underpainting.errors import UnderpaintingError
from underpainting.study.request.config import parse_config, read_config
from underpainting.study.request.presets import PRESETS, with_preset
from underpainting.study.request.prompts import read_prompts


def csv(path: Path, count: int, first: int = 0, name: str = "a thing, number") -> str:
    lines = [f"{name} {i},{i * 7},{i + first}" for i in range(count)]
    path.write_text("\n".join(["prompts,seeds,prompt_inds", *lines]) + "\n")
    return str(path)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.mark.usefixtures("no_weights")
def test_the_published_study_is_set_up_without_its_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = csv(tmp_path / "train.csv", 246), csv(tmp_path / "test.csv", 371, 246, "another thing")
    folder = tmp_path / "study"
    arguments = ("init", str(folder), "--preset", "chen2023", "--prompts", files[0])
    assert call(*arguments, "--test-prompts", files[1], "--steps", "10") == 0
    out = capsys.readouterr().out
    assert "617 pictures (205 fit, 41 calibrate, 371 test)" in out
    for name in ("CompVis/stable-diffusion-v1-4", "tracer", "midas", "vgg16"):
        assert f"{name} is not here" in out
    config = read_config(folder / "study.toml")
    assert (config.model.guidance_scale, config.model.steps) == (7.5, 10)
    table = pq.read_table(folder / "prompts.parquet").to_pydict()
    test = {prompt for prompt, split in zip(table["prompt"], table["split"], strict=True) if split == "test"}
    assert test == {row.prompt for row in read_prompts(files[1])}
    assert call("doctor", str(folder)) == 1
    assert "hf download Intel/dpt-large" in capsys.readouterr().out
    assert call("run", str(folder)) == 2


@pytest.mark.usefixtures("no_weights")
def test_shading_has_a_split_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = csv(tmp_path / "all.csv", 617)
    assert call("init", str(tmp_path / "s"), "--preset", "chen2023-shading", "--prompts", prompts) == 0
    assert "(415 fit, 85 calibrate, 117 test)" in capsys.readouterr().out
    config = read_config(tmp_path / "s" / "study.toml")
    assert config.watch.layers == ("up.3.0",) and config.labels.estimator == "intrinsic"


@pytest.mark.usefixtures("no_weights")
def test_sdxl_is_set_up_without_its_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.txt").write_text("".join(f"a thing, number {i}\n" for i in range(20)))
    prompts = str(tmp_path / "p.txt")
    assert (
        call("init", str(tmp_path / "s"), "--preset", "sdxl", "--prompts", prompts, "--dtype", "bfloat16")
        == 0
    )
    assert "20 pictures (12 fit, 3 calibrate, 5 test)" in capsys.readouterr().out
    config = read_config(tmp_path / "s" / "study.toml")
    assert config.model.name == "stabilityai/stable-diffusion-xl-base-1.0"
    assert (config.model.scheduler, config.model.dtype) == ("pipeline", "bfloat16")


def test_presets_are_configs_and_give_way() -> None:
    for name in PRESETS:
        parse_config(with_preset(name, {}), name)
    mine = with_preset("chen2023", {"model": {"name": "mine"}, "run": {"gallery": 3}})
    assert (mine["model"]["name"], mine["model"]["steps"], mine["run"]) == ("mine", 15, {"gallery": 3})
    with pytest.raises(
        UnderpaintingError, match="no preset 'chen': give chen2023 or chen2023-shading or sdxl"
    ):
        with_preset("chen", {})


def test_weights_that_nobody_knows_are_still_an_error(tmp_path: Path) -> None:
    prompts = csv(tmp_path / "p.csv", 10)
    assert call("init", str(tmp_path / "s"), "--prompts", prompts, "--model", "nobody/none") == 2
    assert not (tmp_path / "s").exists()


def test_a_second_file_goes_on_where_the_first_ends(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt,seed\na,1\nb,1\n")
    (tmp_path / "b.csv").write_text("prompt,seed\nc,1\nb,2\n")
    first = read_prompts(str(tmp_path / "a.csv"))
    assert [row.image for row in read_prompts(str(tmp_path / "b.csv"), after=first)] == [
        "prompt_2_seed_1",
        "prompt_1_seed_2",
    ]
    (tmp_path / "b.csv").write_text("prompt,seed\nb,1\n")
    with pytest.raises(UnderpaintingError, match=r"line 2: picture prompt_1_seed_1 is already in the other"):
        read_prompts(str(tmp_path / "b.csv"), after=first)
