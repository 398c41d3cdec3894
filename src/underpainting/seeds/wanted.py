"""The layout of a picture that is wished for: one of the study's, or any picture file."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from underpainting.errors import UnderpaintingError, UnsoundPictures
from underpainting.records.pictures import fit_picture, read_frame
from underpainting.seeds.layout import Maps
from underpainting.study.batch import to_bytes
from underpainting.study.environment import Loaded
from underpainting.study.labels import label_pictures
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import OBJECT


def layout_of(study: StudyFolder, load: Callable[[], Loaded], name: str) -> Maps:
    """Maps [1, height, width] by property: labels of a picture of the study, or what its estimator sees in a
    file, for which the study is loaded.

    Raises UnderpaintingError where it is neither, the file cannot be read, or there is no object in it.
    """
    images = [row.image for row in study.sound_rows("fit")]
    images += [row.image for split in ("calibrate", "test") for row in study.sound_rows(split)]
    properties = study.probes.properties
    if name in images:
        maps: Maps = {of: study.labels(of)[name][None].float() for of in properties}
    elif (file := Path(name).expanduser()).is_file():
        frame, loaded = read_frame(file), load()
        picture = to_bytes(fit_picture(frame, loaded.model.size))[None].float() / 255
        try:
            maps = label_pictures(loaded.estimator, picture, loaded.places.properties)
        except UnsoundPictures as error:
            raise UnderpaintingError(f"{name} cannot be wished for: {error.reasons[0]}") from error
    else:
        near = get_close_matches(name, images, n=1, cutoff=0.3) or images[:1]
        raise UnderpaintingError(
            f"{name or 'no picture'!r} is no picture of {study.folder}, nor a file; give such as {near[0]}"
        )
    if OBJECT in maps and not bool(maps[OBJECT].any()):
        raise UnderpaintingError(f"there is no object in {name}, whose layout is wished for; take another")
    return maps
