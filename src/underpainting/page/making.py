"""The jobs of the page: a picture, an edit of it, what the estimator sees in its steps, many seeds begun.

A job is a generator that tells events. It yields where other jobs may go first: what comes after a finished
picture, its decoded steps, is wanted less than another person's picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from underpainting.diffusion import StepRecord, Watching
from underpainting.intervention.asked import target_of
from underpainting.intervention.edit import Edit
from underpainting.intervention.many import Wanted
from underpainting.intervention.masks import fit_mask
from underpainting.intervention.painter import Unedited
from underpainting.intervention.picture import Intervened, paint_edited
from underpainting.page.asks import EstimatesAsk, PictureAsk, SeedsAsk
from underpainting.page.memory import Memory
from underpainting.page.onlooker import Onlooker, Tell
from underpainting.page.saying import finished_edit, finished_picture
from underpainting.page.served import Served
from underpainting.page.wire import colours, first_classes, levels, webp, whole_maps
from underpainting.seeds.predict import BEST, ByProbes, Seen, seeing, watched
from underpainting.study.batch import decode_kept, denoise, to_bytes
from underpainting.study.kept.classes import classify
from underpainting.study.labels import label_pictures
from underpainting.study.request.prompts import PromptRow
from underpainting.study.schedule import in_batches

BEGUN = 8  # seeds that are begun in one batch
AT_ONCE = 3  # steps that are decoded before another job may go first
PICTURES, PICTURE_BYTES = 64, 256_000_000
TOLD = 50_000  # bytes about, of an event and of the decoded pictures that come after it
EDITS, EDIT_BYTES = 64, 64_000_000

Key = tuple[str, int, int, float]
"""Prompt, seed, steps and guidance scale."""


@dataclass
class Kept:
    """A picture that was made: what edits and decoded steps are made of, and what was told of it."""

    unedited: Unedited
    film: dict[str, list[Tensor]]
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of its tensors, and about those of what is told in the end."""
        own = [self.unedited.pictures, *self.unedited.labels.values(), *self.unedited.trajectory.values()]
        own += [*self.unedited.path, *(latents for film in self.film.values() for latents in film)]
        return sum(of.numel() * of.element_size() for of in own) + TOLD * len(self.told)


@dataclass(frozen=True)
class Desk:
    """What the jobs of one worker share: what is served, pictures by what was asked, edits by job."""

    served: Served
    pictures: Memory[Key, Kept]
    edits: Memory[str, Intervened]

    def key(self, ask: PictureAsk) -> Key:
        """What makes a picture the same."""
        own = self.served.study.config.model
        guidance = own.guidance_scale if ask.guidance_scale is None else ask.guidance_scale
        return ask.prompt, ask.seed, ask.steps or own.steps, guidance


def empty_memories() -> tuple[Memory[Key, Kept], Memory[str, Intervened]]:
    """Memories of pictures and of edits, nothing in them."""
    return Memory(lambda of: of.size, PICTURE_BYTES, PICTURES), Memory(_bytes, EDIT_BYTES, EDITS)


def picture(desk: Desk, ask: PictureAsk, identity: str, tell: Tell) -> Iterator[None]:
    """Make a picture, or tell again what was told of it."""
    key = desk.key(ask)
    tell("begun", {"kind": "picture", "picture": identity, **_about(desk, key)})
    kept = desk.pictures.get(key)
    if kept is None:
        kept = _made(desk, key, tell)
    else:
        for kind, data in list(kept.told):
            tell(kind, data)
    yield from _developed(desk, kept, tell)


def edit(desk: Desk, want: Wanted, identity: str, tell: Tell) -> Iterator[None]:
    """Paint a picture that follows a target, beside the picture as it was."""
    served, asked = desk.served, want.asked
    key = desk.key(PictureAsk(prompt=asked.prompt, seed=asked.seed))
    words = {"asked": asked.words, "edit": want.edit.words, "settings": want.edit.model_dump(mode="json")}
    tell("begun", {"kind": "edit", "picture": identity, **_about(desk, key), **words})
    kept = desk.pictures.get(key)
    if kept is None or not served.painter.carries(want.edit) <= kept.unedited.trajectory.keys():
        tell("phase", {"name": "unedited picture"})
        kept = _made(desk, key, lambda kind, data: tell("phase", {"name": "unedited picture"}), want.edit)
    drawn = want.drawn
    if drawn is not None and want.mask is not None:
        drawn = fit_mask(drawn, served.model.size, want.mask)
    target = target_of(served.painter, asked, kept.unedited, drawn)
    aims = {name: target.maps[name][0] for name in want.edit.properties}
    tell("target", {"maps": whole_maps(aims)})
    onlooker = Onlooker(served, key[2], tell)
    made = paint_edited(served.painter, asked, want.edit, kept.unedited, target, look=onlooker.look)
    desk.edits.put(identity, made)
    tell("finished", finished_edit(served, kept.unedited, made, onlooker, identity))
    yield from _developed(desk, Kept(kept.unedited, onlooker.film), tell)


def estimates(desk: Desk, ask: EstimatesAsk, identity: str, tell: Tell) -> Iterator[None]:
    """Tell what the estimator sees in the pictures of a picture's steps."""
    key, look = desk.key(ask), ask.look
    tell("begun", {"kind": "estimates", "picture": identity, **_about(desk, key)})
    kept = desk.pictures.get(key) or _made(desk, key, lambda kind, data: tell("phase", {"name": "picture"}))
    tell("finished", {})
    for step, latents in enumerate(kept.film[look], start=1):
        shown = decode_kept(desk.served.model, latents[None])
        maps = label_pictures(desk.served.painter.loaded.estimator, shown, desk.served.properties)
        own = {name: of[0] for name, of in maps.items()}
        tell("estimates", {"look": look, "step": step, "maps": whole_maps(own)})
        yield


def seeds(desk: Desk, ask: SeedsAsk, identity: str, tell: Tell) -> Iterator[None]:
    """Begin a prompt's pictures of some seeds, and tell what the best layers read after some steps."""
    served, config = desk.served, desk.served.study.config.model
    probes, step = served.painter.probes, ask.step
    layers = {name: probes.best_layer(name, step) for name in probes.properties}
    asked = {"prompt": ask.prompt, "first": ask.first, "count": ask.count, "step": step, "layers": layers}
    tell("begun", {"kind": "seeds", "picture": identity, **asked})
    seen: list[Seen] = []
    keep = seeing(probes, [step], seen.append)
    for batch in in_batches(range(ask.first, ask.first + ask.count), BEGUN):

        def look(record: StepRecord, first: int = batch[0]) -> None:
            tell("phase", {"name": "seeds", "first": first, "step": record.step})
            keep(record)

        rows = [PromptRow(ask.prompt, seed, 0) for seed in batch]
        looking = Watching(layers=watched(probes), branches=(served.branch,), on_step=look, stop_after=step)
        denoise(served.model, rows, config, looking)
        read = seen.pop()
        sent = {name: levels(of) for name, of in ByProbes(probes).ways(read)[BEST].items()}
        for i, seed in enumerate(batch):
            clean = colours(served.colourings["clean"](read.clean[i]))
            tell("seed", {"seed": seed, "clean": clean, "maps": {name: of[i] for name, of in sent.items()}})
        yield
    tell("finished", {})


def _made(desk: Desk, key: Key, tell: Tell, carrying: Edit | None = None) -> Kept:
    """Make a picture, tell its steps, and remember it with the activations that edits carry."""
    served, (prompt, seed, steps, guidance) = desk.served, key
    told: list[tuple[str, dict[str, Any]]] = []

    def telling(kind: str, data: dict[str, Any]) -> None:
        told.append((kind, data))
        tell(kind, data)

    onlooker = Onlooker(served, steps, telling)
    painter = served.painting(steps, guidance)
    edit = carrying or (served.moving if painter is served.painter else None)
    unedited = painter.unedited([PromptRow(prompt, seed, 0)], edit or served.following, look=onlooker.look)
    kept = Kept(unedited, onlooker.film, told)
    telling("finished", finished_picture(served, unedited, onlooker))
    desk.pictures.put(key, kept)
    return kept


def _developed(desk: Desk, kept: Kept, tell: Tell) -> Iterator[None]:
    """Decode the steps that were not told yet, a few at a time."""
    served, classifier = desk.served, desk.served.painter.loaded.classifier
    done = {(data["look"], data["first"]) for kind, data in kept.told if kind == "frames"}
    for look in ("clean", "noisy"):
        latents = kept.film[look]
        for first in range(0, len(latents), AT_ONCE):
            if (look, first + 1) in done:
                continue
            yield
            part = torch.stack(latents[first : first + AT_ONCE])
            frames = to_bytes(served.model.decode(part)).permute(0, 2, 3, 1).cpu()
            seen = None
            if classifier is not None:
                chances = classify(classifier, frames)
                seen = [first_classes(of, classifier.classes) for of in chances]
            told = {
                "look": look,
                "first": first + 1,
                "pictures": [webp(of) for of in frames],
                "classes": seen,
            }
            tell("frames", told)
            kept.told.append(("frames", told))


def _about(desk: Desk, key: Key) -> dict[str, Any]:
    model = desk.served.model
    prompt, seed, steps, guidance = key
    about = {"prompt": prompt, "seed": seed, "steps": steps, "guidance_scale": guidance}
    return {
        **about,
        "size": list(model.size),
        "latents": list(model.adapter.latents(model.pipe, model.size)[1:]),
    }


def _bytes(made: Intervened) -> int:
    of = [made.before.picture, made.after.picture, *made.target.values()]
    of += [*made.before.maps.values(), *made.after.maps.values()]
    return sum(x.numel() * x.element_size() for x in of)
