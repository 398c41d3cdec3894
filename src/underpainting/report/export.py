"""Figures and tables as files, for papers and slides: SVG, PNG and CSV side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from underpainting.records import write_bytes
from underpainting.report.drawing import Palette
from underpainting.report.exhibits import exhibits
from underpainting.report.interventions import examples_png
from underpainting.report.reading import read_study
from underpainting.report.recognition import recognition_file

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


def write_figures(study_folder: Path, growth: Path | None = None) -> Path:
    """Write every figure of a finished study's report as SVG and PNG, its table as CSV beside it.

    growth: as `write_report`. Returns the folder, `report/figures`. Raises UnderpaintingError as that does.
    """
    study, folder = read_study(study_folder, growth), study_folder / "report" / "figures"
    shown = exhibits(study, lambda name: replace(PRINT, tone=TONES.get(name, PRINT.tone)))
    for exhibit in shown.values():
        write_bytes(folder / f"{exhibit.name}.csv", exhibit.csv.encode())
        for kind in get_args(Kind) if exhibit.drawing else ():
            assert exhibit.drawing
            write_bytes(folder / f"{exhibit.name}.{kind}", exhibit.drawing.saved(kind, PRINT.paper))
    for acted in study.acted:
        if acted.examples:
            write_bytes(folder / f"interventions-{acted.aim}.png", examples_png(acted))
    films = study.gallery.arrays if study.gallery else {}
    images = [of["image"] for of in study.gallery.about.get("pictures", [])] if study.gallery else []
    for seen in study.seen:
        name = f"classes-{seen.image}-{seen.picture}"
        if name in shown:
            frames = films[f"{images.index(seen.image)}/{seen.picture}"]
            for kind in get_args(Kind):
                write_bytes(folder / f"{name}.{kind}", recognition_file(seen, frames, kind))
    return folder
