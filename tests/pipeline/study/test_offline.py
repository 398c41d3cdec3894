"""The rule about the network: nothing is fetched by itself, and what is missing is one line."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from PIL import Image
from timm.models import save_for_hf
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

from tests.hub import cached, move_caches
from underpainting import load, load_classifier, load_estimator
from underpainting.cli import main
from underpainting.errors import UnderpaintingError, reason


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Empty caches, and no network: whoever was asked for, by name or by address, is kept."""
    tried: list[object] = []

    def refuse(*arguments: object, **options: object) -> object:
        tried.append(arguments)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    move_caches(tmp_path, monkeypatch)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return tried


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[str], Path]:
    """Make the folder of a repository in the hub's cache, as the hub's client lays it out."""
    return lambda repository: cached(tmp_path / "hub", repository)


def refusal(of: Callable[[], object]) -> str:
    with pytest.raises(UnderpaintingError) as caught:
        of()
    return str(caught.value)


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(str(left.value.code))


@pytest.mark.parametrize(
    ("what", "about"),
    [
        (
            lambda: load("stabilityai/sdxl-turbo"),
            "(13.9 GB, sai-nc-community) by `hf download stability",
        ),
        (lambda: load("someone/something:permuted"), "fetch it by `hf download someone/something --include "),
        (lambda: load_estimator("midas"), "(1.4 GB, Apache-2.0) by `hf download Intel/dpt-large`"),
        (
            lambda: load_estimator("stilllife,marigold-lighting"),
            "by `hf download prs-eth/marigold-iid-",
        ),
        (lambda: load_classifier("timm:resnet18"), "by `hf download timm/resnet18.a1_in1k`"),
        (lambda: load_classifier("timm:gcvit_tiny"), "gcvit_tiny"),
        (
            lambda: load_classifier("google/vit-base-patch16-224"),
            "by `hf download google/vit-base-patch16-224`",
        ),
        (lambda: load_classifier("vgg16"), "(528 MB, BSD-3-Clause) by `curl -L"),
    ],
)
def test_what_is_not_here_is_one_line(what: Callable[[], object], about: str, asked: list[object]) -> None:
    said = refusal(what)
    assert " is not here (looked for at " in said and about in said and said.endswith("`")
    assert "local_files_only" not in said and not asked


def test_the_commands_say_the_same(
    tmp_path: Path, asked: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("prompt\n" + "".join(f"a thing {i}\n" for i in range(8)))
    known, unknown = ("stabilityai/sdxl-turbo", "someone/something")
    arguments = ("--prompts", str(prompts), "--model")
    assert command("init", str(tmp_path / "known"), *arguments, known) == 0
    shown = capsys.readouterr()
    assert refusal(lambda: load(known)) in shown.out.splitlines()  # doctor's line, and load's
    said = shown.err.splitlines()
    assert f"underpainting: {prompts} has no seeds: its rows are given 0, 1, ... in their order" in said
    assert command("doctor", str(tmp_path / "known")) == 1
    assert refusal(lambda: load(known)) in capsys.readouterr().out.splitlines()
    assert command("init", str(tmp_path / "unknown"), *arguments, unknown) == 2
    page = "(underpainting explain weights)"
    assert capsys.readouterr().err == f"underpainting: {refusal(lambda: load(unknown))} {page}\n"
    assert not (tmp_path / "unknown").exists()
    Image.new("RGB", (16, 16)).save(tmp_path / "photo.png")
    assert command("classify", str(tmp_path / "photo.png"), "--classifier", "timm:resnet18.a1_in1k") == 2
    written = capsys.readouterr()
    assert written.out == "" and written.err.count("\n") == 1 and "hf download timm/resnet18" in written.err
    assert not asked


def test_only_some_variant_is_here(
    pipeline_folder: Path, keep: Callable[[str], Path], asked: list[object]
) -> None:
    folder = keep("someone/halves")
    shutil.copytree(pipeline_folder, folder, dirs_exist_ok=True)
    for weights in folder.glob("*/*.safetensors"):
        weights.rename(weights.with_name(f"{weights.stem}.fp16.safetensors"))
    said = refusal(lambda: load("someone/halves"))
    assert 'only as variant fp16: give variant="fp16", or --variant fp16' in said and "unet" in said
    assert "has no weights of variant 'bf16'; known are fp16" in refusal(
        lambda: load("someone/halves", variant="bf16")
    )
    assert load("someone/halves", variant="fp16").fingerprint() == load(pipeline_folder).fingerprint()
    assert command("layers", "someone/halves") == 0  # which reads none of them
    next(folder.glob("unet/*.safetensors")).unlink()
    assert "no safetensors of its unet" in refusal(lambda: load("someone/halves", variant="fp16"))
    assert not asked


def test_what_is_here_is_loaded_without_asking(keep: Callable[[str], Path], asked: list[object]) -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 64, 64)
    network = timm.create_model("resnet18")
    snapshot = keep("timm/resnet18.a1_in1k")
    save_for_hf(network, snapshot, safe_serialization=True)
    whole = load_classifier("timm:resnet18")
    assert whole.name == "resnet18" and len(whole.classes) == 1000
    (snapshot / "config.json").unlink()  # what timm itself fetches: the weights alone
    alone = load_classifier("timm:resnet18")
    assert alone.fingerprint == whole.fingerprint and alone.classes == whole.classes
    assert torch.equal(alone(picture), whole(picture))
    folder = keep("google/vit")
    config = ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        image_size=16,
        patch_size=8,
        id2label={0: "mug", 1: "car"},
    )
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    found = load_classifier("google/vit")
    assert found.name == "vit" and list(found.classes) == ["mug", "car"] and found(picture).shape == (1, 2)
    assert not asked


INTRINSIC = """
import torch

def load_models(name, stage, device):
    return {"network": torch.hub.load("someone/networks", "small", trust_repo=True)}
"""


def test_intrinsics_networks_are_looked_for_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[object]
) -> None:
    (tmp_path / "torch" / "checkpoints").mkdir(parents=True)
    (tmp_path / "torch" / "checkpoints" / "final_weights.pt").write_bytes(b"weights")
    (tmp_path / "intrinsic").mkdir()
    (tmp_path / "intrinsic" / "__init__.py").write_text("")
    (tmp_path / "intrinsic" / "pipeline.py").write_text(INTRINSIC)
    monkeypatch.syspath_prepend(tmp_path)
    before = torch.hub.load
    where = tmp_path / "torch" / "someone_networks_master"
    said = refusal(lambda: load_estimator("intrinsic"))
    assert said.endswith(f"fetch it by `git clone https://github.com/someone/networks {where}`")
    where.mkdir()
    (where / "hubconf.py").write_text("import torch\ndef small():\n    return torch.nn.Linear(2, 2)\n")
    assert load_estimator("intrinsic").properties == ("shading",)
    assert torch.hub.load is before and not asked


def test_anothers_error_is_quoted_to_the_end_of_its_sentence() -> None:
    long = OSError("Cannot load it (see above). To enable look-ups, pass 'local_files_only=False'.")
    assert reason(long) == "OSError: Cannot load it (see above)"
    assert reason(ValueError("word " * 200)).endswith("word ...")
    assert reason(KeyError()) == "KeyError"
