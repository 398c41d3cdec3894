"""Figures and tables as files, for papers and slides: SVG, PNG and CSV side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from underpainting.records import write_bytes
from underpainting.report.contents import read_contents
from underpainting.report.derived import derive
from underpainting.report.exhibits import exhibits
from underpainting.report.interventions import examples_png
from underpainting.report.recognition import recognition_file
from underpainting.report.svg import Palette
from underpainting.study.study import StudyFolder

Kind = Literal["png", "svg"]
TONES = {"saliency": "#37765a", "depth": "#9a5a22", "shading": "#56606e"}
PRINT = Palette(
    "#24201b",
    "#6a6257",
    "#ddd6c9",
    "#3d62a8",
    "#ffffff",
    ("#0b63a5", "#b84a00", "#007a55", "#a8467e", "#7d6200", "#5b5fc7"),
)
"""The page's light colours, on white."""


def write_figures(study: StudyFolder, growth: Path | None = None) -> Path:
    """Write every figure of a finished study's report as SVG and PNG, its table as CSV beside it.

    growth: as `write_report`. Returns the folder. Raises UnderpaintingError as that does.
    """
    contents, folder = read_contents(study, growth), study.figures_folder
    shown = exhibits(
        contents, derive(contents), lambda name: replace(PRINT, tone=TONES.get(name, PRINT.tone))
    )
    for exhibit in shown.values():
        write_bytes(folder / f"{exhibit.name}.csv", exhibit.csv.encode())
        for kind in get_args(Kind) if exhibit.drawing else ():
            assert exhibit.drawing
            write_bytes(folder / f"{exhibit.name}.{kind}", exhibit.drawing.saved(kind, PRINT.paper))
    for experiment in contents.experiments:
        if experiment.examples:
            write_bytes(folder / f"interventions-{experiment.aim}.png", examples_png(experiment))
    for seen in contents.seen:
        name = f"classes-{seen.image}-{seen.picture}"
        if contents.gallery and name in shown:
            i = contents.gallery.images.index(seen.image)
            frames = contents.gallery.arrays[f"{i}/{seen.picture}"]
            for kind in get_args(Kind):
                write_bytes(folder / f"{name}.{kind}", recognition_file(seen, frames, kind))
    return folder
