"""Searching seeds: many are begun, the best predicted go on from where they are, few are finished."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from underpainting.errors import UnderpaintingError
from underpainting.intervention.kept import name_of
from underpainting.observers.fingerprints import fingerprint
from underpainting.probes import ProbeSet
from underpainting.progress import Progress
from underpainting.records import make_folder, only_run
from underpainting.records.pictures import fit_picture, read_frame
from underpainting.seeds.begun import Begun
from underpainting.seeds.halving import going_on
from underpainting.seeds.layout import Maps
from underpainting.seeds.lessons import Lesson, calibrate_labels, cuts, lessons, taught
from underpainting.seeds.predict import READS, Predictor, predictor
from underpainting.seeds.searched import PREVIEWS, SHEET, Cost, Row, Searched, keep_searched, read_searched
from underpainting.seeds.sheet import SHOWN, course_sheet, preview_sheet
from underpainting.seeds.wish import Wish, require_probes
from underpainting.seeds.wording import checked_seeds, parse_wishes
from underpainting.study.environment import Loaded, reload
from underpainting.study.labels import label_pictures
from underpainting.study.study import StudyFolder
