"""A study from Python: made, run, read, acted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from underpainting import markup, workflow
from underpainting.intervention.act import seeing_painter
from underpainting.intervention.painter import Painter
from underpainting.intervention.result import Intervention, intervention
from underpainting.observers.estimators import Estimator
from underpainting.progress import Progress
from underpainting.questions.erase import FIT_PICTURES, erase
from underpainting.records import CLASSIFICATION, EMERGENCE, LEADS, PROMPTS, SCORES
from underpainting.screen import wanted_progress
from underpainting.seeds.search import search
from underpainting.seeds.searched import Searched
from underpainting.study.environment import own_model
from underpainting.study.executors import Workers, find_cluster
from underpainting.study.paths import check_free
from underpainting.study.request.brought import kept_labels
from underpainting.study.request.given import about_given, given_config, given_rows, named, settings_of
from underpainting.study.results import results
from underpainting.study.run import MAX_SET_ASIDE
from underpainting.study.study import StudyFolder, open_study
from underpainting.study.trust import trust as say_yes
from underpainting.vocabulary import METRICS, OBJECT


@dataclass(frozen=True, repr=False)
class Study(StudyFolder):
    """A study, made by `Study.create` or opened by `Study.open`.

        study = underpainting.Study.create("study", prompts="prompts.csv", model=pipe)
        study.run()
        study.results()

    What it gives are tables (DataFrames, their columns as in `docs/study.md`), `labels(property)`, `probes`,
    `report`, and pictures that `intervene` changes. Mistakes raise UnderpaintingError with the line that the
    command line would print.
    """

    @classmethod
    def create(
        cls,
        folder: str | Path,
        *,
        prompts: Any,
        test_prompts: Any = None,
        model: Any = None,
        estimator: str | Estimator | None = None,
        labels: str | Path | Mapping[str, Any] | None = None,
        preset: str | None = None,
        progress: bool | Progress = True,
        **settings: Any,
    ) -> Study:
        """Make a study in a new folder.

        prompts: a file with columns prompt,seed; a list of (prompt, seed), or of prompts, which are given the
        seeds 0, 1, ...; or a DataFrame of such columns. test_prompts: the same, of the pictures that test.
        model: a name or folder, a diffusers pipeline, or a `Model`; a pipeline stays as it is. estimator: a
        name, or an `Estimator`. labels: maps of one's own in its place, a folder FOLDER/PROPERTY/IMAGE.png or
        .npy, or arrays [height, width] by property, and by image or in the order of the pictures, which are
        kept in the study's folder. preset: `chen2023`, say. progress: whether to show how prompts were read
        and told apart (see `workflow.init`), or what is told of it. settings: any setting of a study by its
        name as an option of `underpainting init` or as in `study.toml`, such as steps=10 or
        layers=["up.3.0"].

        Raises UnderpaintingError where a setting, a row or a map is none, or the folder is taken.
        """
        home, own = Path(folder), own_model(model)
        observer = None if isinstance(estimator, str | None) else estimator
        given = {
            **({} if own is None else settings_of(own)),
            "prompts": named(prompts),
            "test_prompts": None if test_prompts is None else named(test_prompts),
            "model": model if own is None else own.name,
            "estimator": estimator if observer is None else observer.name,
            "labels": home / "labels" if isinstance(labels, Mapping) else labels,
            **settings,
        }
        config = given_config(given, preset)
        check_free(home)
        rows = given_rows(prompts, config.prompts.limit)
        tests = [] if test_prompts is None else given_rows(test_prompts, config.prompts.limit, after=rows)
        objects: dict[str, Any] = {"rows": rows, "test_rows": tests, "model": own}
        with wanted_progress(progress) as shown:
            for line in [*about_given(prompts), *about_given(test_prompts)]:
                shown.note(line)
            if isinstance(labels, Mapping):
                with kept_labels(home / "labels", labels, [row.image for row in (*rows, *tests)]) as brought:
                    workflow.init(home, config, **objects, labeller=brought, progress=shown)
            else:
                workflow.init(home, config, **objects, labeller=observer, progress=shown)
        return cls.open(home, model=own, estimator=observer)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        model: Any = None,
        estimator: Estimator | None = None,
        trust: Sequence[str] = (),
    ) -> Study:
        """Open a study. model, estimator: objects to work with, in place of loading those that it names.

        trust: classes `module:Class` that a study from elsewhere names and may run, as `underpainting trust`;
        they are remembered. Raises UnderpaintingError where there is no study, a file of it is damaged, or
        there is no such class.
        """
        opened = open_study(Path(folder))
        say_yes([trust] if isinstance(trust, str) else trust)
        parts = opened.folder, opened.config, opened.rows, opened.splits
        return cls(*parts, model=own_model(model), estimator=estimator)

    def run(
        self,
        *,
        workers: Workers = None,
        on: str = "here",
        address: str | None = None,
        gpus_per_worker: float | None = None,
        max_set_aside: float = MAX_SET_ASIDE,
        progress: bool | Progress = True,
    ) -> Study:
        """Run the study, or go on with it from its last whole shard; returns it.

        workers: processes that make pictures, one unless told; "auto": one a GPU. on: "here", or on the
        cluster of "ray", whose head has that address (HOST:PORT), with as many workers as it has room for and
        so many GPUs for each. max_set_aside: share of pictures that may be unsound. progress: whether to show
        it, or what is told of it. Errors are those of `run_study`.
        """
        cluster = find_cluster(on, address, gpus_per_worker)
        with wanted_progress(progress) as shown:
            workflow.run(self, progress=shown, workers=workers, cluster=cluster, max_set_aside=max_set_aside)
        return self

    def results(self) -> pd.DataFrame:
        """The last step's mean scores at the best layers: a row a property and metric, a column a source."""
        return pd.DataFrame([row | row.pop("scores") for row in map(asdict, results(self))])

    def pictures(self) -> pd.DataFrame:
        """Every picture's image, prompt, seed and split."""
        return self._frame(self.prompts_file, PROMPTS)

    def scores(self, split: str = "test") -> pd.DataFrame:
        """Every score of the test pictures, or of the `calibrate` ones."""
        return self._frame({"test": self.scores_file, "calibrate": self.calibrate_file}[split], SCORES)

    def emergence(self) -> pd.DataFrame:
        """From which step each property is there, by layer and source, with intervals."""
        return self._frame(self.emergence_file, EMERGENCE)

    def leads(self) -> pd.DataFrame:
        """By how many steps the probe is ahead of each control."""
        return self._frame(self.leads_file, LEADS)

    def classifications(self) -> pd.DataFrame:
        """What the classifier saw in every test picture, step by step."""
        return self._frame(self.classification_file, CLASSIFICATION)

    @property
    def report(self) -> Path:
        """The report's page, written if it is not there. Raises UnderpaintingError as `workflow.report`."""
        if not self.report_file.is_file():
            workflow.report(self)
        return self.require(self.report_file)

    def intervene(
        self,
        prompt: str,
        seed: int = 0,
        *,
        move: tuple[float, float] = (0.0, 0.0),
        scale: float = 1.0,
        rotate: float = 0.0,
        mirror: bool = False,
        mask: Any = None,
        nearer: float = 0.0,
        relight: bool = False,
        edit: str | Mapping[str, Any] | None = None,
        progress: bool | Progress = True,
    ) -> Intervention:
        """Make a picture as it is, and with activations changed so that it follows a target; keep nothing.

        move: how far the object goes right and down, in shares of the picture. scale, rotate (degrees,
        clockwise), mirror: about its middle. mask: a picture file, or an array [height, width], of what the
        object is to be. nearer: standard deviations of the picture's depth. relight: the light from the other
        side. edit: its kind, or settings of an edit (`kind`, `strength`, `first`, `last`, `layers`,
        `branches`); else the one that the study's experiment chose.

        Raises UnderpaintingError where there is no target, or the study has no probes of it.
        """
        right, down = move
        asked = {"prompt": prompt, "seed": seed, "right": right, "down": down, "scale": scale}
        asked |= {"angle": rotate, "mirrored": mirror, "nearer": nearer, "relit": relight}
        settings = {"kind": edit} if isinstance(edit, str) else edit or {}
        with wanted_progress(progress) as shown:
            return intervention(self._painter, asked, settings, mask, shown)

    def erase(
        self,
        property: str = OBJECT,
        *,
        layers: Sequence[str] | None = None,
        steps: tuple[int, int] | None = None,
        branches: Sequence[str] | None = None,
        pictures: int = 100,
        fit_pictures: int = FIT_PICTURES,
        progress: bool | Progress = True,
    ) -> pd.DataFrame:
        """Erase what a probe reads of a property while test pictures are made: does the layout go?

        layers, steps (first, last), branches: where it is erased, all of them unless given. pictures: test
        pictures, one a prompt. fit_pictures: those that erasers are fitted to, made in one batch. A row a
        condition and score, beside the controls, columns as in `findings.erasure.Erasure`; see
        docs/interventions.md.

        Raises UnderpaintingError where the study has no such property, layer, step or branch.
        """
        first, last = steps or (None, None)
        given = {"first": first, "last": last, "layers": layers, "branches": branches}
        where = {name: value for name, value in given.items() if value is not None}
        size = {"pictures": pictures, "fit_pictures": fit_pictures}
        with wanted_progress(progress) as shown:
            answer = erase(self, property, where, **size, progress=shown)
        return pd.DataFrame([asdict(row) for row in answer.rows])

    def search(
        self,
        prompt: str,
        wish: Any,
        *,
        seeds: int | Sequence[int] = 200,
        finish: int = 4,
        read: str = "probe",
        out: str | Path | None = None,
        workers: Workers = None,
        on: str = "here",
        address: str | None = None,
        gpus_per_worker: float | None = None,
        progress: bool | Progress = True,
    ) -> Searched:
        """Find the seeds whose pictures are as wished for, and finish these alone.

        wish: words such as "left third", a function from maps (by property, [picture, row, column]) to
        scores in 0..1, or several of these. seeds: so many from 0 on, or those given. read: what
        predicts, `probe`, `estimator` or `noise`. out: a folder; one in the study's `seeds` unless told.
        workers, on, address, gpus_per_worker: as of `run`. What came of it has `pictures`, `table`, `scores`,
        `cost`; see docs/seeds.md. Raises UnderpaintingError as `search`.
        """
        wishes = [wish] if isinstance(wish, str) or not isinstance(wish, Sequence) else wish
        asked: dict[str, Any] = {"finish": finish, "read": read, "out": None if out is None else Path(out)}
        asked["seeds"] = range(seeds) if isinstance(seeds, int) else seeds
        cluster = find_cluster(on, address, gpus_per_worker)
        with wanted_progress(progress) as shown:
            return search(self, prompt, wishes, **asked, progress=shown, workers=workers, cluster=cluster)

    def __repr__(self) -> str:
        """The folder, how many pictures, and whether the study is done."""
        state = "done" if self.is_done else "not finished"
        return f"<Study {self.folder}: {len(self.rows)} pictures, {state}>"

    def _repr_html_(self) -> str:
        splits, model = ", ".join(f"{n} {split}" for split, n in self.images.items()), self.config.model
        caption = f"{self.folder}: {len(self.rows)} pictures ({splits}) of {model.name}, {model.steps} steps"
        if not self.is_done:
            made = [sum(map(self.is_whole, self.shards)), len(self.shards)]
            return markup.table(["shards made", "of"], [made], caption)
        main = {(name, best.metric) for name, best in self.probes.best.items()}
        rows = [
            [row.property, row.layer, METRICS[row.metric], row.scores["probe"], row.scores.get("ceiling")]
            for row in results(self)
            if (row.property, row.metric) in main
        ]
        return markup.table(["property", "best layer", "metric", "score", "ceiling"], rows, caption)

    @cached_property
    def _painter(self) -> Painter:
        """The study's model, probes and totals, loaded once."""
        return seeing_painter(self)

    def _frame(self, path: Path, schema: pa.Schema) -> pd.DataFrame:
        frame: pd.DataFrame = self.table(path, schema).to_pandas()
        return frame
