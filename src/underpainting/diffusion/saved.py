"""What a saved pipeline's files say, held to what can be: numbers, and tensors and words that are there."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from underpainting.errors import UnderpaintingError
from underpainting.pipeline_folder import read_index
from underpainting.readers import opened_tensors, read_json

SHARD = re.compile(r"-\d{5}-of-\d{5}")  # in the name of a file that holds a part of a network's weights

VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model")

MOST = {
    r"(?!.*(channels|size|dim)).*(layers|num_blocks|depth).*": 1_000,
    r"(sample|image|pos_embed_max)_size": 8_192,
    r"num_train_timesteps": 100_000,
}
"""The greatest numbers of settings, by their names, that a network or scheduler is built of; lists are no
longer."""


def check_numbers(folder: Path) -> None:
    """Raise UnderpaintingError where a part is to be built larger than any is, before it is built.

    A config that is no JSON object is left to what reads it.
    """
    for file in sorted(folder.glob("*/*config.json")):
        try:
            config = read_json(file)
        except UnderpaintingError:
            continue
        for key, value in config.items():
            most = next((most for named, most in MOST.items() if re.fullmatch(named, key)), None)
            if most is not None and (beyond := next((of for of in _numbers(value) if of > most), None)):
                name = f"{file.parent.name}/{file.name}"
                raise UnderpaintingError(
                    f"{name} of {folder}: {key} is {str(beyond)[:20]}, at most {most} can be; put it right"
                )


def check_whole(folder: Path, pipe: Any, variant: str | None) -> None:
    """Raise UnderpaintingError where a network of a pipeline has tensors that its files do not hold.

    A tensor is there if one of its name is, or one that is not claimed by name and has as many values: old
    files call theirs otherwise. Weights that were quantised while they were read are not looked at.
    """
    for part, network in pipe.components.items():
        files = files_of(folder / part, variant) if isinstance(network, torch.nn.Module) else []
        if not files or getattr(network, "hf_quantizer", None) is not None:
            continue
        held = _sizes(files)
        wanted = network.state_dict()
        there = {tensor.data_ptr() for name, tensor in wanted.items() if name in held and not tensor.is_meta}
        spare = Counter(size for name, size in held.items() if name not in wanted)
        lacking = []
        for name, tensor in wanted.items():
            if name in held or (not tensor.is_meta and tensor.data_ptr() in there):
                continue
            if spare[tensor.numel()]:
                spare[tensor.numel()] -= 1
            else:
                lacking.append(name)
        if lacking:
            raise UnderpaintingError(
                f"the {part} of {folder} lacks {len(lacking)} of its {len(wanted)} tensors, such as "
                f"{lacking[0]}: fetch or save it again"
            )


def lacking_vocabulary(folder: Path) -> str:
    """The vocabulary that a tokenizer of a saved pipeline lacks, in words; empty if none does.

    Transformers makes up an empty one, by which any prompt is the same.
    """
    for part, kind in read_index(folder).items():
        is_told = any((folder / part / name).is_file() for name in VOCABULARIES)
        if part.startswith("tokenizer") and kind != [None, None] and not is_told:
            return f"a vocabulary of its {part} ({' or '.join(VOCABULARIES)})"
    return ""


def variant_of(file: Path) -> str:
    """The variant of a file of weights, such as `fp16`; empty for a plain one."""
    return SHARD.sub("", file.stem).partition(".")[2]


def files_of(part: Path, variant: str | None) -> list[Path]:
    """A network's files of weights that are read: those of a variant, or plain ones where it has none."""
    files = sorted(part.glob("*.safetensors"))
    return [file for file in files if variant_of(file) == variant] or [
        file for file in files if not variant_of(file)
    ]


def _sizes(files: list[Path]) -> dict[str, int]:
    """Values of each tensor, by name, from the files' headers."""
    sizes = {}
    for file in files:
        with opened_tensors(file) as tensors:
            for name in tensors.keys():  # noqa: SIM118 (it is no mapping)
                sizes[name] = torch.Size(tensors.get_slice(name).get_shape()).numel()
    return sizes


def _numbers(value: Any) -> Iterator[float]:
    """All numbers of a setting, and the lengths of its lists."""
    if isinstance(value, list):
        yield len(value)
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
