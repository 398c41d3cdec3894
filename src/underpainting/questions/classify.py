"""Pictures to be classified, from wherever they come: a prompt, a folder of steps, photographs, a study."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from underpainting.diffusion import Model, StepRecord
from underpainting.diffusion.devices import choose_device
from underpainting.errors import UnderpaintingError, nearest
from underpainting.findings.classification import Seen, read_seen
from underpainting.observers.class_names import class_numbers, right_classes
from underpainting.observers.classifiers import Classifier, load_classifier
from underpainting.progress import Progress
from underpainting.readers import checked_path
from underpainting.records import CLASSIFICATION
from underpainting.records.pictures import SUFFIXES, read_frame
from underpainting.study.batch import to_bytes
from underpainting.study.environment import open_model
from underpainting.study.kept.classes import classification_rows
from underpainting.study.kept.classes import classify as probabilities
from underpainting.study.recorders import Film
from underpainting.study.request.config import ModelConfig, StudyConfig
from underpainting.study.request.prompts import PromptRow
from underpainting.study.study import StudyFolder, open_study
from underpainting.study.trust import require_trust
from underpainting.threads import set_threads
from underpainting.vocabulary import NAME

STEP_NAME = re.compile(r"(?P<image>.+)_step_(?P<step>\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Shown:
    """The pictures of one image by look, uint8 [picture, height, width, 3]; noisy, clean: one a step."""

    image: str
    prompt: str
    frames: dict[str, Tensor]


@dataclass(frozen=True)
class Classified:
    """What a classifier saw in pictures.

    table: of classifications. seen: the same, picture by picture. frames: pictures [step, height, width, 3]
    uint8 by image and look.
    """

    table: pa.Table
    seen: list[Seen]
    frames: dict[tuple[str, str], Tensor]


def classify(
    sources: Sequence[Path],
    *,
    prompt: str | None = None,
    seed: int = 0,
    config: ModelConfig | None = None,
    classifier: str | None = None,
    right: Sequence[str] = (),
    progress: Progress | None = None,
) -> Classified:
    """Classify pictures.

    sources: studies, folders of step pictures or of photographs, photographs. A study's own test pictures are
    classified where nothing else is given. prompt, seed: a picture that is made with the model of the config.
    classifier: a study's own, or stilllife, if none is given. right: names of the right classes, instead of
    those that prompts name.

    Raises UnderpaintingError where there is nothing to classify, or something cannot be read or loaded.
    """
    if not sources and prompt is None:
        raise UnderpaintingError("nothing to classify: give pictures, a folder of them, a study, or --prompt")
    set_threads()
    progress = progress or Progress()
    shown: list[Shown] = []
    studies = [open_study(path) for path in sources if is_study(path)]
    pictures = [path for path in sources if not is_study(path)]
    if pictures or prompt is not None:
        shown += read_shown(pictures)
    else:
        shown += [one for study in studies for one in study_shown(study)]
    network = load_classifier(classifier or _own(studies), device=choose_device("auto"))
    if prompt is not None:
        config = config or ModelConfig()
        shown.append(make_shown(open_model(StudyConfig(model=config)), config, prompt, seed, progress))
    shown = _distinct(shown)
    table = classify_shown(shown, network, right, progress)
    frames = {(image.image, look): image.frames[look] for image in shown for look in image.frames}
    return Classified(table, read_seen(table, right), frames)


def is_study(path: Path) -> bool:
    """Whether a folder holds a study."""
    return checked_path(path / "study.toml").is_file()


def _own(studies: Sequence[StudyFolder]) -> str:
    """The classifier of the first study that has one, which is trusted here, or the still life's."""
    for study in studies:
        if (own := study.config.labels.classifier) is not None:
            require_trust(study)
            return own
    return "stilllife"


def make_shown(model: Model, config: ModelConfig, prompt: str, seed: int, progress: Progress) -> Shown:
    """Make the picture of a prompt and seed, and keep what each step shows of it."""
    row = PromptRow(prompt, seed, 0)
    film = Film([row], [row])

    def on_step(record: StepRecord) -> None:
        film.look(record)
        progress.advance(1)

    progress.start(config.steps, unit="steps")
    progress.phase("making the picture")
    settings: dict[str, Any] = {"steps": config.steps, "guidance_scale": config.guidance_scale}
    denoised = model.denoise([prompt], [seed], **settings, on_step=on_step)
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
        found += [Shown(_name_of(file), "", {"photograph": read_frame(file)[None]}) for file in single]
    return found


def _name_of(file: Path) -> str:
    """A file's name as an image may be called in a table."""
    name = re.sub(r"[^\w .:+@()-]", "_", file.name)
    return name if NAME.fullmatch(name) else f"picture {name}"


def _distinct(shown: Sequence[Shown]) -> list[Shown]:
    """The same, images of one name numbered from the second on."""
    taken: set[str] = set()
    named = []
    for one in shown:
        counted = (f"{one.image} ({number})" for number in count(2))
        name = next(name for name in chain([one.image], counted) if name not in taken)
        taken.add(name)
        named.append(replace(one, image=name))
    return named


def study_shown(study: StudyFolder) -> list[Shown]:
    """A study's test pictures as they lie on disk: all finished ones, and the gallery's step by step."""
    films: dict[str, dict[str, Tensor]] = {}
    if gallery := study.gallery:
        for i, image in enumerate(gallery.images):
            frames = {look: gallery.arrays[f"{i}/{look}"] for look in ("noisy", "clean")}
            films[image] = {look: torch.from_numpy(film) for look, film in frames.items()}
    found = []
    for shard in study.of_split("test"):
        for row in shard.pictures:
            file = study.picture_file(shard.number, row.image)
            if file.is_file():
                shown = {**films.get(row.image, {}), "final": read_frame(file)[None]}
                found.append(Shown(row.image, row.prompt, shown))
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
    for one in shown:
        numbers = given or right_classes(one.prompt, classifier.classes)
        seen = {look: probabilities(classifier, frames) for look, frames in one.frames.items()}
        tables.append(classification_rows(seen, one.image, one.prompt, classifier.classes, numbers))
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
    near = nearest(name, synonyms) or synonyms[:3]
    raise UnderpaintingError(f"the classifier has no class {name!r}; nearest are {', '.join(near)}")
