"""Files that are drawn of a question's answer."""

from __future__ import annotations

from pathlib import Path

from underpainting.questions.classify import Classified
from underpainting.questions.look import Looked
from underpainting.records import write_bytes
from underpainting.report.recognition import recognition_file
from underpainting.report.strip import strip_png


def look_png(looked: Looked) -> bytes:
    """A picture at every noise level, a column each: as noised, as guessed, what is read, attention to words
    of its prompt; then itself, with the estimator's own maps.
    """
    pictures = {
        "noisy": [*looked.frames["scaled"].numpy(), looked.picture.numpy()],
        "clean guess": [*looked.frames["clean"].numpy(), looked.picture.numpy()],
    }
    maps, ranges = {}, {}
    for name, label in looked.labels.items():
        maps[name] = [*looked.readings[name].numpy(), label.numpy()]
        ranges[name] = float(label.min()), float(label.max())
    for word, attended in looked.words.items():
        maps[f'"{word}"'] = [*attended.numpy()]
        ranges[f'"{word}"'] = float(attended.min()), float(attended.max())
    steps = range(1, len(looked.frames["clean"]) + 1)
    return strip_png(pictures, maps, ranges, [*(f"step {step}" for step in steps), "itself"])


def write_classified(classified: Classified, folder: Path) -> None:
    """Figures, PNG and SVG, of what was seen in images with steps and in photographs."""
    drawn = [seen for seen in classified.seen if seen.picture != "final"]
    for seen in drawn:
        for kind in ("png", "svg"):
            figure = recognition_file(seen, classified.frames[seen.image, seen.picture].numpy(), kind)
            write_bytes(folder / f"{seen.image}-{seen.picture}.{kind}", figure)
