"""What is served: a study that is done, its painter, and what the page is told of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from underpainting.diffusion import Model, StepRecord, load
from underpainting.diffusion.devices import choose_device
from underpainting.errors import UnderpaintingError
from underpainting.intervention.act import seeing_painter
from underpainting.intervention.asked import make_asked
from underpainting.intervention.edit import Edit
from underpainting.intervention.painter import Painter
from underpainting.intervention.picture import edit_of
from underpainting.page.colouring import Colouring, fit_colouring
from underpainting.probes import Probe
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import Place, Property

SHOWN, EVERY = 4, 3  # pictures that previews are fitted to, and steps of them


@dataclass(frozen=True)
class Served:
    """A study with all that its pictures are made, read and changed with.

    colourings: by look, `noisy` and `clean`. sigmas: noise level of each step of the study, from the first.
    """

    painter: Painter
    colourings: Mapping[str, Colouring]
    sigmas: Tensor

    @property
    def study(self) -> StudyFolder:
        """The study."""
        return self.painter.study

    @property
    def model(self) -> Model:
        """Its model."""
        return self.painter.loaded.model

    @property
    def properties(self) -> tuple[Property, ...]:
        """What its probes read."""
        return self.painter.loaded.places.properties

    @property
    def latents(self) -> tuple[int, int]:
        """Rows and columns of its latents."""
        _, height, width = self.model.adapter.latents(self.model.pipe, self.model.size)
        return height, width

    @property
    def branch(self) -> str:
        """The branch of guidance that is read."""
        return self.painter.loaded.places.main_branch

    @property
    def layers(self) -> tuple[str, ...]:
        """Short names of the layers that are read."""
        return tuple(self.painter.grids)

    @cached_property
    def probes(self) -> Mapping[Place, Probe]:
        """By place of the branch that is read, all properties' probes as one: outputs [property]."""
        names = [of.name for of in self.properties]
        steps = range(1, self.study.config.model.steps + 1)
        places = (Place(layer, step, self.branch) for layer in self.layers for step in steps)
        return {place: self.painter.probes.at(place, names) for place in places}

    @cached_property
    def thresholds(self) -> dict[str, dict[str, list[float | None]]]:
        """Of binary properties, by layer [step]."""
        steps, probes = range(1, len(self.sigmas) + 1), self.painter.probes
        return {
            of.name: {
                layer: [probes.entry(of.name, Place(layer, step, self.branch)).threshold for step in steps]
                for layer in self.layers
            }
            for of in self.properties
            if of.binary
        }

    @cached_property
    def moving(self) -> Edit:
        """The edit of a picture whose object is moved, where none is asked for."""
        return edit_of(self.study, make_asked({"prompt": "", "seed": 0, "right": 0.1}), {})

    @cached_property
    def following(self) -> Edit:
        """The edit of a picture whose object is to follow a drawn mask, where none is asked for."""
        return edit_of(self.study, make_asked({"prompt": "", "seed": 0, "drawn": True}), {})

    def nearest_step(self, record: StepRecord, steps: int) -> int:
        """The study's step whose probes read a step of so many: the same, or that of the nearest level."""
        if steps == len(self.sigmas):
            return record.step
        levels = self.sigmas.clamp(min=1e-6).log()
        return int((levels - torch.tensor(max(record.sigma, 1e-6)).log()).abs().argmin()) + 1

    def painting(self, steps: int, guidance_scale: float) -> Painter:
        """The painter, or one of other settings: it makes and labels pictures, and edits none."""
        config = self.study.config
        if (steps, guidance_scale) == (config.model.steps, config.model.guidance_scale):
            return self.painter
        other = config.model.model_copy(update={"steps": steps, "guidance_scale": guidance_scale})
        study = replace(self.study, config=config.model_copy(update={"model": other}))
        return replace(self.painter, study=study)


def require_servable(study: StudyFolder) -> None:
    """Raise UnderpaintingError where a study is not done, or its labels were brought."""
    study.require_done()
    if study.config.labels.folder is not None and study.estimator is None:
        raise UnderpaintingError(
            f"{study.folder}: its labels were brought, and nothing can label new pictures; "
            "serve a study with an estimator"
        )


def open_served(study: StudyFolder, model: str | None = None) -> Served:
    """Load what is served, and make a few pictures, from which noise levels and colours are known.

    model: name or folder that the study's model is loaded from, where it is not the one that it names. Raises
    UnderpaintingError where anything of the study is not there.
    """
    if model is not None:
        config = study.config
        dtype = getattr(torch, config.model.dtype)
        study = replace(study, model=load(model, device=choose_device(config.run.device), torch_dtype=dtype))
    painter = seeing_painter(study)
    sigmas: list[float] = []
    films: dict[str, list[Tensor]] = {"noisy": [], "clean": []}

    def look(record: StepRecord) -> None:
        sigmas.append(record.sigma)
        if record.step % EVERY == 1:
            films["noisy"].append(record.latents.clone())
            films["clean"].append(record.predicted_clean.clone())

    painter.denoise(study.rows[:SHOWN], look=look)
    decode = painter.loaded.model.decode
    colourings = {
        name: fit_colouring(torch.cat(film), torch.cat([decode(latents) for latents in film]))
        for name, film in films.items()
    }
    return Served(painter, colourings, torch.tensor(sigmas))
