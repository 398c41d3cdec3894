"""The still life packed, trained in one go, unpacked: the path of a GPU, rehearsed with tiny networks."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import underpainting
from studio import evaluate, gpu, scenes, unpack
from studio.check import rank_correlation
from studio.networks import STAGES, batch
from studio.pack import pack, travelling, wheel
from studio.plan import FULL, REHEARSAL, fitting
from underpainting import load, load_classifier, load_estimator

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def compact(renders, tmp_path: Path) -> Path:
    folder = tmp_path / "compact"
    folder.mkdir()
    np.savez(folder / "still-000000.npz", **scenes.pack(renders(12)))
    return folder


def run(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["studio", *arguments])
        gpu.main()


def test_from_pack_to_unpack(compact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(tmp_path / "pack", compact, wheels=())
    run(str(tmp_path / "result"), "--minutes", "0.05", "--packed", str(tmp_path / "pack" / "scenes"))
    reached = json.loads((tmp_path / "result" / "evaluation.json").read_text())
    known = json.loads(evaluate.OUT.read_text())
    assert set(reached) <= {*known, "minutes"} and {"class_accuracy", "psnr", "mask_dice"} <= set(reached)
    assert all(np.isfinite(value) for value in reached.values())

    asked = []
    monkeypatch.setattr(evaluate, "main", asked.append)
    monkeypatch.setattr(
        sys, "argv", ["unpack", str(tmp_path / "result"), "--out", str(tmp_path / "out"), "--pictures", "3"]
    )
    unpack.main()
    assert str(tmp_path / "out") in asked[0] and "3" in asked[0]
    model = load(str(tmp_path / "out" / "pipeline"))
    latents = model.denoise(["a red mug"], [0], steps=2).latents
    pictures = model.decode(latents)
    assert pictures.shape == (1, 3, 128, 128)
    assert load_estimator(str(tmp_path / "out" / "estimator"))(pictures)["saliency"].shape == (1, 128, 128)
    assert load_classifier(str(tmp_path / "out" / "classifier"))(pictures).shape == (1, 10)
    assert {path.name for path in (tmp_path / "out" / "logs").iterdir()} == set(gpu.SHARES) - {"figures"}


def test_a_run_cut_before_its_end_leaves_a_pipeline_that_loads(
    compact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gpu, "train", cut)
    with pytest.raises(KeyboardInterrupt):
        run(str(tmp_path / "result"), "--minutes", "0.05", "--packed", str(compact))
    unpack.place(tmp_path / "result", tmp_path / "out", tmp_path / "logs")
    model = load(str(tmp_path / "out" / "pipeline"))
    assert model.denoise(["a red mug"], [0], steps=1).latents.shape == (1, 4, 16, 16)


@pytest.mark.parametrize(("gigabytes", "latents"), [(141, 1024), (85, 1024), (42, 512), (24, 256), (8, 64)])
def test_batches_fit_the_card(gigabytes: float, latents: int) -> None:
    plan = fitting(FULL, gigabytes)
    assert plan.latents == latents and plan.pictures * 4 == latents and plan.unet == FULL.unet


@pytest.mark.parametrize("stage", STAGES)
def test_what_is_compiled_beside_is_given_what_its_training_gives(
    stage: str, compact: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: dict[str, list[tuple[torch.Size, torch.dtype]]] = {}

    def keep(
        workshop: gpu.Workshop, name: str, network: object, loss: gpu.Loss, *_: object, **__: object
    ) -> None:
        if name == stage:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(torch.nn.Module, "__call__", listen(given, name))
                with pytest.raises(StopIteration):
                    loss(torch.Generator().manual_seed(0))

    monkeypatch.setattr(gpu.Workshop, "train", keep)
    monkeypatch.setattr(gpu, "figures", lambda *_: {})
    run(str(tmp_path / "result"), "--minutes", "0.05", "--packed", str(compact))
    assert given[stage] == [(of.shape, of.dtype) for of in batch(REHEARSAL, stage)]


def listen(given: dict[str, list[tuple[torch.Size, torch.dtype]]], name: str) -> object:
    """Stands in for a network's call: keeps the shapes that it is given, and goes no further."""

    def call(network: torch.nn.Module, *tensors: torch.Tensor) -> None:
        given[name] = [(of.shape, of.dtype) for of in tensors]
        raise StopIteration

    return call


def imports(folder: Path) -> str:
    """Where ``studio.gpu`` comes from, in a Python that has neither the renderer nor a study's libraries."""
    code = (
        "import builtins\n"
        "known = builtins.__import__\n"
        "def guarded(name, *rest, **more):\n"
        "    assert name.split('.')[0] not in ('trimesh', 'mitsuba', 'pydantic', 'typer', 'pyarrow'), name\n"
        "    return known(name, *rest, **more)\n"
        "builtins.__import__ = guarded\n"
        "import studio.gpu\n"
        "print(studio.gpu.__file__)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_a_pack_holds_code_that_runs_by_itself_and_refuses_a_folder_in_use(
    compact: Path, tmp_path: Path
) -> None:
    size = pack(tmp_path / "pack", compact, wheels=("importlib_metadata",))
    files = {path.relative_to(tmp_path / "pack") for path in (tmp_path / "pack").rglob("*") if path.is_file()}
    assert size == sum((tmp_path / "pack" / path).stat().st_size for path in files) < 3_000_000
    assert {Path("train.sh"), Path("studio/gpu.py"), Path("scenes/still-000000.npz")} <= files
    assert not [path for path in files if path.suffix == ".safetensors"]
    assert {path.name for path in Path(underpainting.__file__).parent.glob("*.py")} == {
        path.name for path in files if path.parent == Path("underpainting")
    }
    assert imports(tmp_path / "pack") == str(tmp_path / "pack" / "studio" / "gpu.py")
    with pytest.raises(SystemExit, match="not empty"):
        pack(tmp_path / "pack", compact, wheels=())
    with pytest.raises(SystemExit, match="no scenes"):
        pack(tmp_path / "other", tmp_path, wheels=())


def test_a_wheel_is_made_of_what_is_installed(tmp_path: Path) -> None:
    path = wheel("importlib_metadata", tmp_path / "wheels")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (about,) = {Path(name).parent for name in names if name.endswith("/WHEEL")}
        record = archive.read(f"{about}/RECORD").decode().splitlines()
        archive.extractall(tmp_path / "site")
    assert {line.split(",")[0] for line in record} == set(names)
    code = "import importlib_metadata as m; print(m.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )
    assert str(tmp_path / "site") in found.stdout
    with pytest.raises(SystemExit, match="not installed"):
        wheel("no-such-library", tmp_path)
    with pytest.raises(SystemExit, match="pure Python"):
        wheel("numpy", tmp_path)


def test_what_diffusers_needs_beyond_torch_and_transformers_travels_with_it() -> None:
    carried, others = travelling()
    assert {"diffusers", "importlib-metadata"} <= set(carried) and "pillow" in others
    assert not {"torch", "transformers", "numpy", "huggingface-hub"} & {*carried, *others}


@pytest.mark.slow
def test_the_packs_own_script_trains_with_the_packs_own_code(compact: Path, tmp_path: Path) -> None:
    pack(tmp_path / "pack", compact, travelling()[0])
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(
        ["sh", str(tmp_path / "pack" / "train.sh"), str(tmp_path / "result"), "--minutes", "0.1"],
        check=True,
        cwd=tmp_path,
        env={**environment, "PYTHON": sys.executable},
    )
    assert (tmp_path / "pack" / "site" / "diffusers").is_dir()
    unpack.place(tmp_path / "result", tmp_path / "out", tmp_path / "logs")
    assert (tmp_path / "result" / "evaluation.json").exists()


def test_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (2, 3, 8, 8)).astype(np.float32)  # with ties
    found = rank_correlation(torch.from_numpy(a), torch.from_numpy(b))
    for k in range(3):
        assert float(found[k]) == pytest.approx(spearmanr(a[k].ravel(), b[k].ravel()).statistic)
