"""Names that nothing can have, classes that are no observers, folders that are no pipelines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from tests.pipeline.test_bad_files import refused
from underpainting import Captures, ProbeSet, Study, load_classifier, load_estimator
from underpainting.cli import main
from underpainting.diffusion import load
from underpainting.findings.growth import read_growth
from underpainting.probes.published import import_published
from underpainting.study.kept.classes import classify
from underpainting.study.request.brought import open_brought
from underpainting.study.request.config import parse_config
from underpainting.study.study import create_study, open_study


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds a file."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "card.json", b"{}")
    return tmp_path


LONG = "a" * 300
NO_PATHS = {
    "a long name": f"./{LONG}",
    "a long name inside": f"./{LONG}/b",
    "a long path": "./" + "abc/" * 2_000,
    "below a device": "/dev/null/x",
    "below a file": "card.json/x",
    "a zero": "./a\0b",
    "half a character": "./a\ud800b",
    "a link to itself": "./loop",
    "below a link to itself": "./loop/x",
    "control characters": "./a\x1b[31m\nb",
}
FROM: dict[str, Callable[[str], Any]] = {
    "a study": lambda path: open_study(Path(path)),
    "a study in Python": Study.open,
    "a pipeline": load,
    "an estimator": load_estimator,
    "an estimator's Path": lambda path: load_estimator(Path(path)),
    "a classifier": load_classifier,
    "probes": ProbeSet.load,
    "captures": Captures,
    "published probes": lambda path: import_published(Path(path)),
    "labels": lambda path: open_brought(Path(path)),
    "checkpoints": lambda path: read_growth(Path(path), {}, {}, ""),
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "PATH"),
    "report": ("report", "PATH"),
    "verify": ("verify", "PATH"),
    "estimate": ("estimate", "PATH"),
    "layers": ("layers", "PATH"),
    "classify": ("classify", "PATH"),
    "compare": ("compare", "PATH", "PATH"),
    "look": ("look", "PATH", "a.png"),
    "import-probes": ("import-probes", "PATH", "out"),
    "capture": ("capture", "PATH", "--out", "out"),
    "replay": ("replay", "PATH", "PATH"),
    "push": ("push", "PATH", "a/b"),
    "pull": ("pull", "a/b", "PATH"),
    "demo": ("demo", "PATH"),
    "classify, its folder": ("classify", "card.json", "--out", "PATH"),
    "transfer": ("transfer", "PATH", "--leave-out", "mug"),
    "nonlinear": ("nonlinear", "PATH"),
    "intervene": ("intervene", "PATH", "a mug", "--move", "0.1,0"),
    "experiment": ("experiment", "PATH"),
    "init": ("init", "PATH", "--prompts", "stilllife", "--limit", "8"),
    "init, its model": ("init", "new", "--prompts", "stilllife", "--limit", "8", "--model", "PATH"),
    "init, its estimator": ("init", "new", "--prompts", "stilllife", "--limit", "8", "--estimator", "PATH"),
    "init, its classifier": ("init", "new", "--prompts", "stilllife", "--limit", "8", "--classifier", "PATH"),
    "init, its labels": ("init", "new", "--prompts", "stilllife", "--limit", "8", "--labels", "PATH"),
}


@pytest.fixture
def paths(home: Path) -> None:
    (home / "loop").symlink_to("loop")


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize("path", NO_PATHS.values(), ids=NO_PATHS)
@pytest.mark.parametrize("reader", FROM.values(), ids=FROM)
def test_no_path(reader: Callable[[str], Any], path: str) -> None:
    refused(lambda: reader(path))


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize("path", ["a long name", "below a device", "a link to itself"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_path_on_the_command_line(
    command: tuple[str, ...], path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([part.replace("PATH", NO_PATHS[path]) for part in command])
    shown = capsys.readouterr()
    assert (caught.value.code, shown.out) == (2, "")
    assert shown.err.startswith("underpainting: ") and shown.err.count("\n") == 1


@pytest.mark.usefixtures("paths")
@pytest.mark.parametrize("path", NO_PATHS.values(), ids=NO_PATHS)
def test_nothing_is_made_where_nothing_can_be(path: str) -> None:
    refused(lambda: create_study(Path(path), parse_config({}, ""), []))


# Classes of one's own.

MODULE = """
import torch

class Sound:
    name, fingerprint, properties, classes = "sound", "1", ("depth",), ("a", "b")

    def __call__(self, pictures):
        return torch.full((len(pictures), 2), 0.5)

class Asks(Sound):
    def __init__(self, wanted): ...

class Fails(Sound):
    def __init__(self): raise RuntimeError("no\\nluck")

class Leaves(Sound):
    def __init__(self): raise SystemExit(3)

class Abstract(Sound):
    from abc import ABC, abstractmethod

class Nameless(Sound): name = ""
class Numbered(Sound): name = 7
class Unprinted(Sound): fingerprint = None
class Listless(Sound): properties = classes = None
class Empty(Sound): properties = classes = ()
class OneText(Sound): properties = classes = "depth"
class Numbers(Sound): properties = classes = (1, 2)
class Blank(Sound): properties = classes = (" ",)
class OddBinary(Sound): binary = 3

class Raises(Sound):
    @property
    def fingerprint(self): raise KeyError("weights")

class Mute:
    name, fingerprint, properties, classes = "mute", "1", ("depth",), ("a", "b")

class Bare: ...

def function(): ...

value = 3
made = Sound()
"""
BROKEN = {
    "raises": "raise RuntimeError('no')",
    "leaves": "raise SystemExit(0)",
    "stops": "import sys; sys.exit('bye')",
    "no_python": "class Sound(",
    "needs": "import not_here_at_all",
    "nested": "x = " + "(" * 5_000 + ")" * 5_000,
}
WRONG = [
    *("Asks", "Fails", "Leaves", "Nameless", "Numbered", "Unprinted", "Listless", "Empty", "OneText"),
    *("Numbers", "Blank", "Raises", "Mute", "Bare", "function", "value", "made", "Gone", "torch"),
]
REFERENCES = [
    *(":", "::", ":Sound", "own_odd:", "own_odd::Sound", "own_odd:Sound:Sound", "own_odd:Sound.name", " : "),
    *(".:Sound", "..own_odd:Sound", ".own_odd:Sound", "own_odd.:Sound", "own..odd:Sound", "own_odd:.Sound"),
    *("own_odd :Sound", "own_odd: Sound", "own odd:Sound", "own_odd:So und", "own_odd:1", "1:Sound"),
    *(
        "own-odd:Sound",
        "./own_odd.py:Sound",
        "own_odd.py:Sound",
        "own_odd:Sound()",
        "own_odd:__import__('os')",
    ),
    *(
        "ow\u0301n:S",
        "\u202eown:Sound",
        "own_odd:\ud800",
        "own\0odd:Sound",
        "a" * 5_000 + ":A",
    ),
    *(
        "a." * 5_000 + "a:A",
        "sys:exit",
        "os:environ",
        "builtins:print",
        "json:loads",
        "own_odd:sound",
        "Ⅷ:Sound",
    ),
]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "own_odd.py", MODULE.encode())
    for name, text in BROKEN.items():
        put(tmp_path, f"own_{name}.py", text.encode())
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    "reference",
    [*REFERENCES, *(f"own_odd:{name}" for name in WRONG), *(f"own_{name}:Sound" for name in BROKEN)],
    ids=lambda text: ascii(text)[1:40],
)
@pytest.mark.parametrize("loader", [load_estimator, load_classifier])
def test_no_class_of_ones_own(loader: Callable[[str], Any], reference: str) -> None:
    refused(lambda: loader(reference))


@pytest.mark.usefixtures("own")
def test_a_sound_class_of_ones_own_is_taken() -> None:
    assert load_estimator("own_odd:Sound").name == load_classifier("own_odd:Sound").name == "sound"


ANSWERS: dict[str, Callable[[torch.Tensor], Any]] = {
    "None": lambda pictures: None,
    "a list": lambda pictures: [[0.5, 0.5]],
    "one dimension": lambda pictures: torch.tensor([0.5, 0.5]),
    "a class too many": lambda pictures: torch.full((len(pictures), 3), 1 / 3),
    "a class too few": lambda pictures: torch.ones(len(pictures), 1),
    "a picture too many": lambda pictures: torch.full((len(pictures) + 1, 2), 0.5),
    "no number": lambda pictures: torch.full((len(pictures), 2), torch.nan),
    "infinity": lambda pictures: torch.full((len(pictures), 2), torch.inf),
    "below 0": lambda pictures: torch.tensor([[-0.5, 1.5]]).expand(len(pictures), 2),
    "logits": lambda pictures: torch.tensor([[3.0, 4.0]]).expand(len(pictures), 2),
    "texts": lambda pictures: ["a"] * len(pictures),
    "an error": lambda pictures: pictures.no_such_thing,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_probabilities(answer: Callable[[torch.Tensor], Any]) -> None:
    class Classifier:
        name, fingerprint, classes = "odd", "1", ("a", "b")

        def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = answer(pictures)
            return found

    line = refused(lambda: classify(Classifier(), torch.zeros(2, 8, 8, 3, dtype=torch.uint8)))
    assert "'odd'" in line


# The parts of a pipeline's folder.

PARTS: dict[str, tuple[str, Any]] = {
    "an index of no class": ("model_index.json", {"_class_name": 3}),
    "an index of an unknown class": ("model_index.json", {"_class_name": "NoPipeline"}),
    "an index of a class of something else": ("model_index.json", {"_class_name": "UNet2DConditionModel"}),
    "a part that is a number": ("model_index.json", {"unet": 7}),
    "a part that is a text": ("model_index.json", {"unet": "diffusers"}),
    "a part that is an object": ("model_index.json", {"unet": {"a": 1}}),
    "a part of one": ("model_index.json", {"unet": ["diffusers"]}),
    "a part of three": ("model_index.json", {"unet": ["diffusers", "UNet2DConditionModel", "more"]}),
    "a part of numbers": ("model_index.json", {"unet": [1, 2]}),
    "a part of nothing": ("model_index.json", {"unet": [None, None]}),
    "a part of lists": ("model_index.json", {"unet": [[], []]}),
    "a part of no library": ("model_index.json", {"unet": ["no_such_library", "Thing"]}),
    "a part of no class": ("model_index.json", {"unet": ["diffusers", "NoSuchThing"]}),
    "a part of another class": ("model_index.json", {"unet": ["diffusers", "LMSDiscreteScheduler"]}),
    "an empty part": ("model_index.json", {"unet": []}),
    "a network of a list": ("unet/config.json", []),
    "channels of texts": ("unet/config.json", {"block_out_channels": ["a", "b", "c", "d"]}),
    "channels that are a number": ("unet/config.json", {"block_out_channels": 8}),
    "no channels": ("unet/config.json", {"block_out_channels": []}),
    "channels below 0": ("unet/config.json", {"block_out_channels": [-8, 16, 24, 24]}),
    "channels of other weights": ("unet/config.json", {"block_out_channels": [8, 16, 24, 32]}),
    "blocks of another number": ("unet/config.json", {"down_block_types": ["DownBlock2D"]}),
    "blocks of no kind": ("unet/config.json", {"up_block_types": ["NoBlock"] * 4}),
    "groups of 0": ("unet/config.json", {"norm_num_groups": 0}),
    "a text for a number": ("unet/config.json", {"layers_per_block": "two"}),
    "a fraction of a layer": ("unet/config.json", {"layers_per_block": 1.5}),
    "an autoencoder of nothing": ("vae/config.json", {"latent_channels": None}),
    "an autoencoder of texts": ("vae/config.json", {"block_out_channels": "many"}),
    "a scheduler of a list": ("scheduler/scheduler_config.json", []),
    "a scheduler of texts": ("scheduler/scheduler_config.json", {"num_train_timesteps": "many"}),
    "a schedule of no kind": ("scheduler/scheduler_config.json", {"beta_schedule": "no_such"}),
    "a schedule below 0": ("scheduler/scheduler_config.json", {"num_train_timesteps": -1}),
    "a text encoder of texts": ("text_encoder/config.json", {"hidden_size": "wide"}),
    "a text encoder of no heads": ("text_encoder/config.json", {"num_attention_heads": 0}),
    "a tokenizer of a list": ("tokenizer/tokenizer.json", []),
    "a tokenizer of nothing": ("tokenizer/tokenizer.json", {}),
    "a tokenizer's settings in a list": ("tokenizer/tokenizer_config.json", []),
    "brackets for a network": ("unet/config.json", b"[" * 100_000),
    "digits for a network": ("unet/config.json", b'{"sample_size": ' + b"9" * 5_000 + b"}"),
    "bytes for a network": ("unet/config.json", bytes(range(256))),
    "brackets for a scheduler": ("scheduler/scheduler_config.json", b"[" * 100_000),
    "bytes for a scheduler": ("scheduler/scheduler_config.json", bytes(range(256))),
    "brackets for a text encoder": ("text_encoder/config.json", b"[" * 100_000),
    "brackets for a tokenizer": ("tokenizer/tokenizer.json", b"[" * 100_000),
    "half of the weights": ("unet/diffusion_pytorch_model.safetensors", b"d\0\0\0\0\0\0\0{"),
    "weights of the autoencoder in a text": ("vae/diffusion_pytorch_model.safetensors", b"weights " * 9),
    "weights of the text encoder in a text": ("text_encoder/model.safetensors", b"weights " * 9),
}


@pytest.fixture(scope="session")
def saved_pipeline(
    session_pipeline: StableDiffusionPipeline, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    session_pipeline.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("part", "change"), PARTS.values(), ids=PARTS)
def test_no_pipeline(part: str, change: Any, saved_pipeline: Path, tmp_path: Path) -> None:
    for path in saved_pipeline.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(saved_pipeline)
            copy.parent.mkdir(exist_ok=True)
            copy.symlink_to(path)
    path = tmp_path / part
    assert path.is_file()
    if isinstance(change, dict):
        change = {**json.loads(path.read_text()), **change} if change else change
    content = change if isinstance(change, bytes) else json.dumps(change).encode()
    path.unlink()
    path.write_bytes(content)
    refused(lambda: load(tmp_path))
