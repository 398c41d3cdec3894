"""An intervention in a folder of its own: kept whole, read again, painted again."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.intervention.asked import Asked
from underpainting.intervention.edit import Edit
from underpainting.intervention.painter import Painter, Tick
from underpainting.intervention.picture import Intervened, Painted, paint_intervened
from underpainting.readers import checked_path, read_json, read_tensors, reading
from underpainting.records import atomic_folder, require_makeable, require_whole, sha256_file, write_json
from underpainting.records.pictures import read_frame
from underpainting.study.sealed import ASK_AGAIN
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT

CARD, MAPS = "intervention.json", "maps.safetensors"
LONGEST = 48  # of the prompt's part of a folder's name
READS = "file of an intervention", "give the folder of one, as `intervene` wrote it"


@dataclass(frozen=True)
class Replayed:
    """How a picture painted again compares: how many pixels differ, and by how many of 255 at most."""

    same: bool
    pixels: int
    largest: int


def request(asked: Asked, edit: Edit, drawn: Tensor | None) -> dict[str, Any]:
    """All that decides what is painted, as JSON; drawn: the mask as it was read."""
    mask = None if drawn is None else _digest(drawn.byte())
    return {"asked": asked.model_dump(mode="json"), "edit": edit.model_dump(mode="json"), "mask": mask}


def name_of(request: object) -> str:
    """A short name that no other request has."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]


def own_folder(study: StudyFolder, asked: Asked, edit: Edit, drawn: Tensor | None) -> Path:
    """Where a study keeps an intervention: named by prompt and seed, and as no other one."""
    words = "-".join(re.findall("[a-z0-9]+", asked.prompt.lower()))[:LONGEST].strip("-")
    named = [*filter(None, [words]), f"seed-{asked.seed}", name_of(request(asked, edit, drawn))]
    return study.interventions_folder / "-".join(named)


def require_free(folder: Path) -> None:
    """Raise UnderpaintingError where a folder is there already, or cannot be made."""
    if checked_path(folder).exists():
        raise UnderpaintingError(f"{folder} is there already; name another folder by --out, or remove it")
    require_makeable(folder, "name another folder by --out")


def keep(made: Intervened, study: StudyFolder, strip: bytes, folder: Path) -> None:
    """Write an intervention's pictures, maps, strip and card into a folder, whole or not at all."""
    about = {
        "asked": made.asked.model_dump(mode="json"),
        "edit": made.edit.model_dump(mode="json"),
        "study": study.folder.resolve().name,
        "probes": _probes(study),
        "environment": study.environment,
        "after": _digest(made.after.picture),
        "scores": {"/".join(filter(None, key)): _pair(*of) for key, of in made.scores.items()},
        "class": None if made.after.seen is None else _pair(made.before.seen, made.after.seen),
        "followed": made.followed,
    }
    maps = {f"{name}/unedited": of for name, of in made.before.maps.items()}
    maps |= {f"{name}/target": of for name, of in made.target.items()}
    maps |= {f"{name}/edited": of for name, of in made.after.maps.items()}
    with atomic_folder(folder, study.owner) as temporary:
        write_json(temporary / CARD, about)
        save_file({name: of.half().contiguous() for name, of in maps.items()}, temporary / MAPS)
        (temporary / "strip.png").write_bytes(strip)
        for name, picture in {"before": made.before.picture, "after": made.after.picture}.items():
            Image.fromarray(picture.numpy()).save(temporary / f"{name}.png")


def read_kept(folder: Path, study: StudyFolder) -> Intervened:
    """A study's intervention as it was kept.

    Raises UnderpaintingError where the folder holds none, it is damaged, or it was made with another study.
    """
    if folder.is_dir() and not (folder / CARD).exists():
        raise UnderpaintingError(f"{folder} holds no intervention (no {CARD})")
    require_whole(folder, f"give its own study, or {ASK_AGAIN}", study.owner)
    card = folder / CARD, *READS
    about, maps = read_json(*card), read_tensors(folder / MAPS, *READS)
    with reading(*card):
        asked, edit = Asked.model_validate(about["asked"]), Edit.model_validate(about["edit"])
        scores = {_key(name): of for name, of in about["scores"].items()}

        def painted(file: str, kind: str) -> Painted:
            own = {name: maps[f"{name}/{kind}"].float() for name in edit.properties}
            values = {key: math.nan if of[kind] is None else of[kind] for key, of in scores.items()}
            seen = about["class"] and about["class"][kind]
            return Painted(read_frame(folder / file), own, values, seen)

        target = {name: maps[f"{name}/target"].float() for name in edit.properties}
        return Intervened(
            asked, edit, painted("before.png", "unedited"), painted("after.png", "edited"), target
        )


def read_own(folder: Path, study: StudyFolder) -> tuple[Intervened, str]:
    """An intervention of this study, and the digest of its edited picture.

    Raises UnderpaintingError where the folder holds none, or it was made with other probes.
    """
    kept = read_kept(folder, study)
    about = read_json(folder / CARD, *READS)
    if about.get("probes") != _probes(study):
        raise UnderpaintingError(
            f"{folder} was made with other probes than those of {study.folder}; give its own study"
        )
    return kept, str(about.get("after"))


def paint_again(
    painter: Painter, kept: Intervened, digest: str, *, tick: Tick, begin: Callable[[str], None]
) -> Replayed:
    """Paint a kept intervention again, and compare; the digest is that of its edited picture."""
    drawn = kept.target[OBJECT] if kept.asked.drawn else None
    again = paint_intervened(painter, kept.asked, kept.edit, drawn, tick=tick, begin=begin).after.picture
    differ = (again.int() - kept.after.picture.int()).abs().amax(-1)
    return Replayed(_digest(again) == digest, int((differ > 0).sum()), int(differ.max()))


def _pair(unedited: object, edited: object) -> dict[str, object]:
    both = {"unedited": unedited, "edited": edited}
    return {name: None if isinstance(of, float) and math.isnan(of) else of for name, of in both.items()}


def _key(name: str) -> tuple[str, str]:
    property, _, metric = name.rpartition("/")
    return property, metric


def _probes(study: StudyFolder) -> str:
    return sha256_file(study.probes_folder / "probes.safetensors")


def _digest(of: Tensor) -> str:
    return hashlib.sha256(of.contiguous().numpy().tobytes()).hexdigest()
