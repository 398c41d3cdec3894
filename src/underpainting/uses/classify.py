"""Pictures to be classified, from wherever they come: a prompt, a folder of steps, photographs, a study."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa
import torch
from safetensors.torch import load_file
from torch import Tensor

from underpainting.diffusion import Model, StepRecord
from underpainting.errors import UnderpaintingError
from underpainting.observers.classifiers import Classifier
from underpainting.observers.classifiers.names import class_numbers, right_classes
from underpainting.records import CLASSIFICATION
from underpainting.study.classes import classification_rows
from underpainting.study.classes import classify as probabilities
from underpainting.study.film import Film
from underpainting.study.folder import Study
from underpainting.study.making import to_bytes
from underpainting.study.pictures import read_frame
from underpainting.study.progress import Progress
from underpainting.study.prompts import PromptRow

STEP_NAME = re.compile(r"(?P<image>.+)_step_(?P<step>\d+)", re.IGNORECASE)
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Shown:
    """The pictures of one image by look, uint8 [picture, height, width, 3]; noisy, clean: one a step."""

    image: str
    prompt: str
    frames: dict[str, Tensor]


def make_shown(
    model: Model, prompt: str, seed: int, *, steps: int, guidance_scale: float, progress: Progress
) -> Shown:
    """Make the picture of a prompt and seed, and keep what each step shows of it."""
    row = PromptRow(prompt, seed, 0)
    film = Film([row], [row])

    def on_step(record: StepRecord) -> None:
        if record.first:
            film.look(record)
            progress.advance(1)

    progress.start(steps, unit="steps")
    progress.phase("making the picture")
    denoised = model.denoise([prompt], [seed], steps=steps, guidance_scale=guidance_scale, on_step=on_step)
    frames = film.develop(model, 0)
    final = to_bytes(model.decode(denoised.latents)).permute(0, 2, 3, 1).cpu()
    return Shown(row.image, prompt, {"noisy": frames["noisy"], "clean": frames["clean"], "final": final})


def read_shown(paths: Sequence[Path]) -> list[Shown]:
    """Pictures from files and folders.

    A folder holds step pictures, `NAME_step_0.png` to `NAME_step_14.png` of one image or several (they may
    count from 0 or from 1), or photographs; a file is a photograph. Raises UnderpaintingError where there is
    no picture, one cannot be read, a step is missing, or the pictures of an image differ in size.
    """
    found = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [file for file in inside if file == path or file.suffix.lower() in SUFFIXES]
        stepped: dict[str, dict[int, Path]] = {}
        for file in files:
            match = STEP_NAME.fullmatch(file.stem)
            if match and path.is_dir():
                stepped.setdefault(match["image"], {})[int(match["step"])] = file
        if not files:
            raise UnderpaintingError(f"{path} holds no pictures; give a folder of PNG, JPEG or WEBP files")
        found += [_stepped(path, image, of) for image, of in stepped.items()]
        single = [] if stepped else files
        found += [Shown(str(file), "", {"photograph": read_frame(file)[None]}) for file in single]
    return found


def study_shown(study: Study) -> list[Shown]:
    """A study's test pictures as they lie on disk: all finished ones, and the gallery's step by step."""
    films: dict[str, dict[str, Tensor]] = {}
    if (study.gallery / "gallery.json").is_file():
        about = json.loads((study.gallery / "gallery.json").read_text(encoding="utf-8"))
        tensors = load_file(study.gallery / "gallery.safetensors")
        for i, picture in enumerate(about["pictures"]):
            films[picture["image"]] = {look: tensors[f"{i}/{look}"] for look in ("noisy", "clean")}
    found = []
    for shard in study.of_split("test"):
        for row in shard.pictures:
            file = study.shard(shard.number) / "images" / f"{row.image}.png"
            if file.is_file():
                frames = {**films.get(row.image, {}), "final": read_frame(file)[None]}
                found.append(Shown(row.image, row.prompt, frames))
    return found


def classify_shown(
    shown: Sequence[Shown], classifier: Classifier, right: Sequence[str], progress: Progress
) -> pa.Table:
    """Classify pictures: a table of classifications.

    right: names of the right classes; none given, a prompt names its own. Raises UnderpaintingError where the
    classifier has no such class.
    """
    given = tuple(number for name in right for number in _number(name, classifier))
    tables = [CLASSIFICATION.empty_table()]
    progress.start(len(shown), unit="images")
    progress.phase("classifying")
    for of in shown:
        numbers = given or right_classes(of.prompt, classifier.classes)
        seen = {look: probabilities(classifier, frames) for look, frames in of.frames.items()}
        tables.append(classification_rows(seen, of.image, of.prompt, classifier.classes, numbers))
        progress.advance(1)
    return pa.concat_tables(tables)


def _stepped(folder: Path, image: str, files: dict[int, Path]) -> Shown:
    first = min(files)
    if first > 1:
        raise UnderpaintingError(f"{folder}: the steps of {image} begin at {first}; they count from 0 or 1")
    if missing := sorted(set(range(first, max(files) + 1)) - set(files)):
        raise UnderpaintingError(f"{folder}: {image} has no step {missing[0]}; put the picture there")
    frames = [read_frame(files[step]) for step in sorted(files)]
    if len({frame.shape for frame in frames}) > 1:
        raise UnderpaintingError(f"{folder}: the pictures of {image} differ in size; make them alike")
    return Shown(image, "", {"noisy": torch.stack(frames)})


def _number(name: str, classifier: Classifier) -> tuple[int, ...]:
    if numbers := class_numbers([name], classifier.classes):
        return numbers
    synonyms = [part.strip() for of in classifier.classes for part in of.split(",")]
    near = get_close_matches(name, synonyms, n=3, cutoff=0.3) or synonyms[:3]
    raise UnderpaintingError(f"the classifier has no class {name!r}; nearest are {', '.join(near)}")
