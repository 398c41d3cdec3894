"""Saved pipelines that lack tensors, call them otherwise, or ask for more than can be built."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from tests.pipeline.conftest import tiny_pipeline
from tests.pipeline.families import FAMILIES, stable_diffusion_3
from underpainting.diffusion import load
from underpainting.errors import UnderpaintingError


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    tiny_pipeline(folder / "words").save_pretrained(folder / "tiny")
    return folder / "tiny"


@pytest.fixture
def changed(saved: Path) -> Any:
    """Rewrites a file of the saved pipeline for one test."""
    before: dict[Path, bytes] = {}

    def change(part: str, pattern: str, rewrite: Callable[[Path], None]) -> None:
        file = next((saved / part).glob(pattern))
        before[file] = file.read_bytes()
        rewrite(file)

    yield change
    for file, content in before.items():
        file.write_bytes(content)


def keeping(keep: Callable[[int, str], str | None]) -> Callable[[Path], None]:
    """Rewrites a file of weights with the tensors that are given a name."""

    def rewrite(file: Path) -> None:
        named = {keep(i, name): tensor for i, (name, tensor) in enumerate(load_file(file).items())}
        named.pop(None, None)
        save_file({str(name): tensor for name, tensor in named.items()}, file, metadata={"format": "pt"})

    return rewrite


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("kept", ["half", "all but one", "none of the biases"])
def test_a_network_without_some_of_its_tensors(saved: Path, changed: Any, part: str, kept: str) -> None:
    keep = {
        "half": lambda i, name: name if i % 2 else None,
        "all but one": lambda i, name: name if i else None,
        "none of the biases": lambda i, name: None if name.endswith("bias") else name,
    }[kept]
    changed(part, "*.safetensors", keeping(keep))
    with pytest.raises(UnderpaintingError, match=rf"the {part} of .* lacks \d+ of its \d+ tensors, such as"):
        load(saved)


def test_a_tokenizer_without_words(saved: Path, tmp_path: Path) -> None:
    """Transformers would make up an empty one."""
    folder = shutil.copytree(saved, tmp_path / "without")
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(UnderpaintingError, match=r"lacks a vocabulary of its tokenizer \(tokenizer.json or"):
        load(folder)


def test_tensors_of_older_names_are_there(saved: Path, changed: Any) -> None:
    """Autoencoders' attentions had names of their own, CLIP's a prefix, as in most files of the hub."""
    older = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

    def rename(i: int, name: str) -> str:
        if "mid_block.attentions" in name:
            for now, before in older.items():
                name = name.replace(now, before)
        return name

    whole = load(saved).fingerprint()
    changed("vae", "*.safetensors", keeping(rename))
    changed("text_encoder", "*.safetensors", keeping(lambda i, name: f"text_model.{name}"))
    assert load(saved).fingerprint() == whole


@pytest.mark.parametrize("name", [*FAMILIES, "stable diffusion 3"])
def test_every_family_is_whole_as_it_is_saved(name: str, tmp_path: Path) -> None:
    """T5's tied embeddings are one tensor in the file and two of the network."""
    ({**FAMILIES, "stable diffusion 3": stable_diffusion_3}[name])(tmp_path / "words").save_pretrained(
        tmp_path / "saved", max_shard_size="20KB"
    )
    load(tmp_path / "saved")


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("unet", "layers_per_block", 10**6),
        ("unet", "layers_per_block", 10**400),
        ("unet", "layers_per_block", [2, 2, 10**6, 2]),
        ("unet", "transformer_layers_per_block", [[1, 10**9], 1, 1, 1]),
        ("unet", "transformer_layers_per_block", 1e300),
        ("unet", "sample_size", 10**9),
        ("unet", "sample_size", [64, 10**9]),
        ("vae", "layers_per_block", 10**6),
        ("text_encoder", "num_hidden_layers", 10**6),
        ("scheduler", "num_train_timesteps", 10**10),
    ],
)
def test_numbers_that_cannot_be(saved: Path, changed: Any, part: str, key: str, value: Any) -> None:
    def rewrite(file: Path) -> None:
        file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))

    changed(part, "*config.json", rewrite)
    with pytest.raises(
        UnderpaintingError, match=f"{part}/.*config.json of .*: {key} is .*, at most"
    ) as caught:
        load(saved)
    assert "\n" not in str(caught.value)
