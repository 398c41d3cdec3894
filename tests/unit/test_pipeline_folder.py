"""No code that a model's folder brings or names runs; each such folder is refused in one line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest

from underpainting import load, load_classifier, load_estimator
from underpainting.errors import UnderpaintingError
from underpainting.pipeline_folder import check_index, read_pipeline

SOUND = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
OLD = [["transformers", "CLIPFeatureExtractor"], ["transformers", "T5TokenizerFast"]]
PART = [
    ["ran_by_a_folder", "Made"],
    ["None", "Made"],
    [None, "Made"],
    ["os", "system"],
    ["subprocess", "Popen"],
    ["builtins", "exec"],
    ["diffusers.utils", "logging"],
    ["diffusers", "DiffusionPipeline"],
    ["diffusers", "StableDiffusionPipeline"],
    ["diffusers", "utils"],
    ["diffusers", "logging.os.system"],
    ["transformers", "pipeline"],
    ["transformers", "Trainer"],
    ["stable_diffusion", "StableDiffusionPipeline"],
    ["../stable_diffusion", "Made"],
    ["pipelines", "os"],
    ["diffusers"],
    ["diffusers", "AutoencoderKL", "more"],
    ["diffusers", ["AutoencoderKL"]],
    [0, 1],
]
WHOLE = [
    "Made",
    "utils",
    "UNet2DConditionModel",
    ["pipeline", "Made"],
    ["none", "None"],
    None,
    7,
    {},
    "",
    "os",
]
CODE = """
from pathlib import Path
Path(__file__).with_name("ran").write_text("the code ran")
class Made:
    from_pretrained = classmethod(lambda cls, *_, **__: cls())
class MadeConfig(Made):
    pass
"""
FILES = ("ran_by_a_folder.py", "None.py", "pipeline.py", "none.py", "Made.py", "modeling.py", "diffusers.py")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a model's folder with code wherever a library has looked for some; the current folder is it."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks"))
    home = tmp_path / "model"
    home.mkdir()
    monkeypatch.chdir(home)

    def write(index: Any) -> Path:
        (home / "model_index.json").write_text(json.dumps(index))
        for place in (home, home / "unet", home / "tokenizer"):
            place.mkdir(exist_ok=True)
            for name in FILES:
                (place / name).write_text(CODE)
        return home

    return write


def ran(folder: Path) -> bool:
    """Whether any of the folder's code did."""
    return bool(list(folder.rglob("ran"))) or "ran_by_a_folder" in sys.modules


def refused(act: Callable[[], object], folder: Path) -> str:
    with pytest.raises(UnderpaintingError) as caught:
        act()
    assert not ran(folder)
    return str(caught.value)


def test_what_diffusers_saves_is_read(folder: Callable[..., Path]) -> None:
    check_index(folder(SOUND))
    for kind in OLD:  # classes that transformers calls by other names since
        check_index(folder(SOUND | {"feature_extractor": kind}))
    check_index(folder(SOUND | {"_ignore_files": ["a.bin", "b.bin", "c.bin"]}))
    assert not ran(folder(SOUND))


@pytest.mark.parametrize("kind", PART, ids=json.dumps)
def test_a_part_is_a_class_of_a_known_library(kind: list[Any], folder: Callable[..., Path]) -> None:
    home = folder(SOUND | {"unet": kind})
    said = refused(lambda: load(home), home)
    assert "its part 'unet' is" in said and "never runs here" in said
    assert "never runs here" in refused(lambda: load_estimator(home), home)


@pytest.mark.parametrize("whole", WHOLE, ids=json.dumps)
def test_the_whole_is_a_pipeline_of_diffusers(whole: Any, folder: Callable[..., Path]) -> None:
    home = folder(SOUND | {"_class_name": whole})
    assert "which is no pipeline of diffusers" in refused(lambda: load(home), home)


@pytest.mark.parametrize("part", ["../outside", "a/b", "..", "", "/etc"])
def test_a_part_lies_in_the_folder(part: str, folder: Callable[..., Path]) -> None:
    home = folder(SOUND | {part: ["diffusers", "AutoencoderKL"]})
    assert "not a library and a class" in refused(lambda: load(home), home)


def test_a_part_that_needs_its_own_code_is_refused(folder: Callable[..., Path]) -> None:
    home = folder(SOUND | {"tokenizer": ["transformers", "AutoTokenizer"]})
    asked = {"auto_map": {"AutoTokenizer": ["None.Made", None]}}
    (home / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(asked))
    assert "its part 'tokenizer' needs code of its own (auto_map)" in refused(lambda: load(home), home)


def test_an_older_diffusers_is_refused(folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder(SOUND)
    monkeypatch.setattr(diffusers, "__version__", "0.41.2")
    said = refused(lambda: read_pipeline(home), home)
    assert said == (
        "diffusers 0.41.2 may run code that lies in a model's folder: install diffusers 0.42 or newer"
    )
    monkeypatch.setattr(diffusers, "__version__", "1.0.0.dev0")
    check_index(home)


AUTO = {
    "AutoConfig": "modeling.MadeConfig",
    "AutoModelForDepthEstimation": "modeling.Made",
    "AutoModelForImageClassification": "modeling.Made",
    "AutoImageProcessor": "modeling.Made",
}


@pytest.mark.parametrize("load_one", [load_estimator, load_classifier])
def test_an_observer_that_needs_its_own_code_is_refused(
    load_one: Callable[[Path], object], folder: Callable[..., Path]
) -> None:
    home = folder(SOUND)
    (home / "model_index.json").unlink()
    (home / "config.json").write_text(json.dumps({"model_type": "made_here", "auto_map": AUTO}))
    (home / "preprocessor_config.json").write_text(json.dumps({"auto_map": AUTO}))
    (home / "model.safetensors").write_bytes(b"")
    said = refused(lambda: load_one(home), home)
    assert "it needs code of its own (auto_map), which never runs here" in said
