"""Where everything of a study lies, and whether a new one may lie there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from underpainting.errors import UnderpaintingError
from underpainting.readers import checked_path
from underpainting.records import require_makeable

CONFIG, PICTURES = "study.toml", "prompts.parquet"
LABELS, ASIDE, IMAGES = "labels.safetensors", "aside.json", "images"
"""Files of a shard, and its folder of pictures."""

GALLERY, FILMS = "gallery.json", "gallery.safetensors"
"""Files of the gallery."""

_STEM = r"\w[\w .:+@()-]*"
BEGUN = "begun-"
"""How names of folders of begun pictures begin: nobody else goes on from them."""

_DATA = re.compile(
    rf"(?!seeds/{BEGUN})"
    r"(study\.toml|README\.md|report/title\.txt|environment\.json"
    r"|(prompts|calibrate|scores|classification|emergence|leads)\.parquet"
    r"|(labels|shards|moments|probes|controls|gallery|interventions|seeds)"
    rf"/({_STEM}/)*{_STEM}\.(json|parquet|safetensors|png|npy))(\.sha256)?"
)


def is_data(name: str) -> bool:
    """Whether a path within a study's folder is of its data: what may be taken from a stranger.

    The report's page and figures are none: a page may run anything, and they are made anew of the tables.
    """
    return _DATA.fullmatch(name) is not None


FEATURES = ".features.safetensors"
"""Suffix of what a classifier makes of the pictures of a part of an experiment."""

DISTANCES = "distances.json"
"""Last file of an experiment."""

BATCH_CARD, SEARCH_CARD = "batch.json", "search.json"
"""What a batch of interventions, or a search, asked for, in its folder, which may lie anywhere."""


@dataclass(frozen=True)
class StudyPaths:
    """Paths in a study's folder, whether anything is there yet or not."""

    folder: Path

    @property
    def config_file(self) -> Path:
        """The config."""
        return self.folder / CONFIG

    @property
    def prompts_file(self) -> Path:
        """Table of pictures, `PROMPTS`."""
        return self.folder / PICTURES

    @property
    def environment_file(self) -> Path:
        """What the pictures are made with."""
        return self.folder / "environment.json"

    @property
    def shards_folder(self) -> Path:
        """Folder of the shards."""
        return self.folder / "shards"

    def shard_folder(self, number: int) -> Path:
        """Folder of a shard; it exists when the shard is whole."""
        return self.shards_folder / f"{number:05d}"

    @property
    def moments_folder(self) -> Path:
        """Folder of sums that are folded in, or still to be."""
        return self.folder / "moments"

    def part_file(self, number: int) -> Path:
        """A fit shard's own sums, or a calibrate shard's scores, there until they are folded in."""
        return self.moments_folder / f"shard-{number:05d}.safetensors"

    def through_file(self, number: int) -> Path:
        """Running totals with every shard up to this one folded in."""
        return self.moments_folder / f"through-{number:05d}.safetensors"

    @property
    def through_files(self) -> list[Path]:
        """Running totals that are there."""
        return sorted(self.moments_folder.glob("through-*.safetensors"))

    @property
    def probes_folder(self) -> Path:
        """Folder of the chosen probes; it exists when calibration is done."""
        return self.folder / "probes"

    @property
    def controls_folder(self) -> Path:
        """Folder of what is chosen for the controls, and of what they have learnt."""
        return self.folder / "controls"

    @property
    def calibrate_file(self) -> Path:
        """Table of the calibrate pictures' scores at what was chosen on them."""
        return self.folder / "calibrate.parquet"

    @property
    def choice(self) -> tuple[Path, Path, Path]:
        """All that is chosen on calibrate pictures; it is there together or not at all."""
        return self.probes_folder, self.controls_folder, self.calibrate_file

    @property
    def gallery_folder(self) -> Path:
        """Folder of the pictures kept for looking at: what they are, and their tensors."""
        return self.folder / "gallery"

    @property
    def scores_file(self) -> Path:
        """Table of the test pictures' scores; it exists when the study is done."""
        return self.folder / "scores.parquet"

    @property
    def classification_file(self) -> Path:
        """Table of what the classifier sees in test pictures; it is there with the scores if there is one."""
        return self.folder / "classification.parquet"

    @property
    def emergence_file(self) -> Path:
        """Table of the steps from which properties are there; made of the scores, and anew with them."""
        return self.folder / "emergence.parquet"

    @property
    def leads_file(self) -> Path:
        """Table of how far probes are ahead of their rivals; made of the scores, and anew with them."""
        return self.folder / "leads.parquet"

    @property
    def outcomes(self) -> tuple[Path, Path, Path, Path]:
        """The scores and what is made of them, in the order in which that is made."""
        return self.scores_file, self.leads_file, self.emergence_file, self.report_file

    @property
    def interventions_folder(self) -> Path:
        """Folder of pictures made with edited activations, and of their scores."""
        return self.folder / "interventions"

    @property
    def interventions_file(self) -> Path:
        """Table of the scores of interventions."""
        return self.interventions_folder / "scores.parquet"

    def experiment_file(self, aim: str) -> Path:
        """What an experiment on a property asked for: its edit, pictures and trials."""
        return self.interventions_folder / aim / "experiment.json"

    def experiment_part(self, aim: str, start: int) -> Path:
        """Table of the scores of an experiment's batch, which begins with that picture."""
        return self.interventions_folder / aim / f"{start:05d}.parquet"

    def chosen_edit_file(self, aim: str) -> Path:
        """The edit that was chosen for a property, and those that were tried."""
        return self.interventions_folder / aim / "choice.json"

    def distances_file(self, aim: str) -> Path:
        """Distances of an experiment's pictures from unedited ones; written when all else of it is there."""
        return self.interventions_folder / aim / DISTANCES

    @property
    def experiments(self) -> list[str]:
        """What was aimed at by experiments that were carried to their end."""
        return sorted(path.parent.name for path in self.interventions_folder.glob(f"*/{DISTANCES}"))

    def examples_file(self, aim: str) -> Path:
        """Pictures of an experiment that are kept for looking at."""
        return self.interventions_folder / aim / "examples.safetensors"

    @property
    def seeds_folder(self) -> Path:
        """Folder of what was found out about seeds."""
        return self.folder / "seeds"

    @property
    def lessons_file(self) -> Path:
        """What was predicted of calibrate pictures after some steps, which is held against their labels."""
        return self.seeds_folder / "lessons.safetensors"

    @property
    def variance_file(self) -> Path:
        """Table of what seeds and prompts decide of a layout."""
        return self.seeds_folder / "variance.parquet"

    @property
    def report_file(self) -> Path:
        """The report's page; made of the tables, and anew with them."""
        return self.folder / "report" / "index.html"

    @property
    def figures_folder(self) -> Path:
        """Folder of the report's figures and tables as files."""
        return self.folder / "report" / "figures"

    @property
    def title_file(self) -> Path:
        """The report's title, where one is kept."""
        return self.folder / "report" / "title.txt"


def check_free(folder: Path) -> None:
    """Raise UnderpaintingError where a new study cannot be put in this folder."""
    if checked_path(folder / CONFIG).exists():
        raise UnderpaintingError(
            f"{folder} already holds a study; go on by `underpainting run {folder}` or choose another folder"
        )
    if folder.exists() and not folder.is_dir():
        raise UnderpaintingError(f"{folder} is a file; choose another folder for the study")
    require_makeable(folder, "choose another folder")
    if folder.exists() and any(not path.name.startswith((PICTURES, ".")) for path in folder.iterdir()):
        raise UnderpaintingError(f"{folder} is not empty and holds no study; choose another folder")
