"""What a study will cost, before anything runs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from underpainting.controls.latents import KINDS
from underpainting.diffusion.devices import choose_device
from underpainting.diffusion.evaluations import steps_planned
from underpainting.diffusion.layers import can_be_thinned
from underpainting.probes import THRESHOLDS
from underpainting.progress import Progress
from underpainting.study.batch import make_batch
from underpainting.study.disk import disk, shard_advice
from underpainting.study.environment import Loaded, watched_layers
from underpainting.study.kept.gallery import gallery_rows
from underpainting.study.kept.totals import empty_totals, totals_bytes
from underpainting.study.memory import Memory, Sizes, advice, needed, room
from underpainting.study.places import TARGETS
from underpainting.study.recorders import Held
from underpainting.study.request.alike import cut_prompts
from underpainting.study.schedule import largest_batch
from underpainting.study.study import StudyFolder
from underpainting.vocabulary import MOST_BLOCKS, ProbeLayer

BYTES_OF_ROW = 9.0
BYTES_OF_PNG_PIXEL = 2.0


@dataclass(frozen=True)
class Estimate:
    """Counts, bytes and seconds of a whole study; seconds are None where they were not measured.

    evaluations are calls of networks, each of both guidance branches: of the model's, and of those that
    controls run beside it. totals_bytes are the sums that
    probes are solved from, of which moments_bytes grow with the square of the channels and the rest with the
    tokens. gpu_bytes and host_bytes are what is held at once, weights included, gpu_bytes None where the
    network computes in the host's memory; gpu_there and host_there are what this machine has. disk_bytes are
    the most at once, of which stay_bytes stay, written_bytes all that is written. prompts_cut are prompts
    that are longer than the text encoders read. memory_advice, shard_advice: what to choose where memory is
    too small, or totals are written too often; None where neither is.
    """

    pictures: int
    fit: int
    calibrate: int
    test: int
    evaluations: int
    layers: int
    steps: int
    probes: int
    totals_bytes: int
    moments_bytes: int
    model_bytes: int
    gpu_bytes: int | None
    gpu_there: int | None
    host_bytes: int
    host_there: int
    disk_bytes: int
    stay_bytes: int
    written_bytes: int
    seconds: float | None
    pictures_made: int
    prompts_cut: int
    memory_advice: str | None
    shard_advice: str | None


@dataclass(frozen=True)
class Measured:
    """What two fit pictures took: seconds of each; bytes on the GPU, before and at most, 0 without one."""

    seconds: float
    before: int
    most: int


def estimate(
    study: StudyFolder, loaded: Loaded, *, measure_time: bool = True, progress: Progress | None = None
) -> Estimate:
    """Estimate a study's cost.

    Counts and sizes follow from config and shapes. Time is measured on two of the fit pictures, watched and
    added to moments as in the run, and scaled to the pictures still to be made: controls on test pictures,
    scores and folding come on top. On a GPU they are made once before, and what they take of its memory is
    measured too. Nothing is written.
    """
    config, places, images = study.config, loaded.places, study.images
    steps, branches = places.steps, len(places.branches)
    device = choose_device(config.run.device)
    there = room(device)
    card = None if there.gpu is None else device
    measured = _measured(study, loaded, card, progress or Progress()) if measure_time else None
    batch = config.run.batch_size

    weights = _weight_bytes(loaded, measured)

    def needs(size: int, watched: Sequence[ProbeLayer], steps: int) -> Memory:
        sizes = _sizes(study, loaded, _probed(loaded, watched), steps, weights, measured)
        shard = min(max(config.run.shard_size, size), images["fit"])
        return needed(sizes, largest_batch(images.values(), size), shard, on_gpu=there.gpu is not None)

    sizes = _sizes(study, loaded, places.layers, steps, weights, measured)
    memory = needs(batch, places.watched, steps)
    shards = len(study.of_split("fit"))
    use = disk(*_files(study, loaded, sizes), sizes.totals, shards)
    seconds = measured.seconds if measured else None
    made = study.pictures_made
    networks = 1 + sum(control.networks for control in loaded.controls)
    return Estimate(
        pictures=len(study.rows),
        **images,
        evaluations=len(steps_planned(loaded.model.pipe.scheduler, steps)) * len(study.rows) * networks,
        layers=len(places.watched),
        steps=steps,
        probes=len(places.watched) * steps * branches * len(places.properties),
        totals_bytes=sizes.totals,
        moments_bytes=sizes.moments,
        model_bytes=_parameter_bytes(loaded.model.pipe.components.values()),
        gpu_bytes=memory.gpu,
        gpu_there=there.gpu,
        host_bytes=memory.host,
        host_there=there.host,
        disk_bytes=use.most,
        stay_bytes=use.stays,
        written_bytes=use.written,
        seconds=None if seconds is None else seconds * (len(study.rows) - made),
        pictures_made=made,
        prompts_cut=cut_prompts(study.rows, loaded.model),
        memory_advice=advice(
            needs,
            batch,
            places.watched,
            steps,
            _thinned(study, loaded),
            there,
            halvable=config.model.dtype == "float32",
        ),
        shard_advice=shard_advice(
            use,
            int(_pixels(loaded) * BYTES_OF_PNG_PIXEL) * len(study.rows),
            images["fit"],
            batch,
            config.run.shard_size,
            (there.host - 2 * sizes.totals - sizes.moments) // sizes.kept,
            seconds,
        ),
    )


def _sizes(
    study: StudyFolder,
    loaded: Loaded,
    layers: Sequence[ProbeLayer],
    steps: int,
    weights: int,
    measured: Measured | None,
) -> Sizes:
    """Bytes of what is held where so many layers and their stand-ins are probed at so many steps."""
    config, places = study.config, loaded.places
    times, properties = steps * len(places.branches), len(places.properties)
    element = torch.empty(0, dtype=getattr(torch, config.model.dtype)).element_size()
    values = sum(layer.tokens * layer.channels for layer in layers) * element
    held, rows = values * times, 2 if config.model.guidance_scale > 1 else 1
    tried = len(config.probes.strengths) * len(TARGETS)
    readings = 4 * sum(layer.tokens for layer in layers) * times * tried * properties
    curves = 4 * len(layers) * times * tried * len(THRESHOLDS) * sum(of.binary for of in places.properties)
    totals, moments = totals_bytes(layers, times, properties)
    return Sizes(
        weights=weights,
        held=held,
        given=max(values * rows, (measured.most - measured.before) // 2 - held if measured else 0),
        kept=_label_bytes(loaded) + _recorded_bytes(study, loaded, steps),
        read=readings + curves,
        totals=totals,
        moments=moments,
    )


def _probed(loaded: Loaded, watched: Sequence[ProbeLayer]) -> tuple[ProbeLayer, ...]:
    """Some of the watched layers, and all that stands in for them."""
    places = loaded.places
    index = [places.watched.index(layer) for layer in watched]
    return tuple(dict.fromkeys(places.layers[column[i]] for column in places.columns.values() for i in index))


def _thinned(study: StudyFolder, loaded: Loaded) -> Iterator[tuple[int, Sequence[ProbeLayer]]]:
    """Each n with the watched layers of every n-th block; none where layers are asked for by name."""
    watch, whole = study.config.watch, len(loaded.places.watched)
    if can_be_thinned(watch.layers):
        for n in range(watch.every_nth_block + 1, min(whole * watch.every_nth_block, MOST_BLOCKS) + 1):
            yield n, watched_layers(loaded.model, watch.model_copy(update={"every_nth_block": n}))


def _weight_bytes(loaded: Loaded, measured: Measured | None) -> int:
    """Of all networks, and of those that stand in; at least what was there before any picture was made."""
    networks = [*loaded.model.pipe.components.values()]
    networks += [network for one in loaded.places.stand_ins for network in one.networks.values()]
    return max(_parameter_bytes(networks), measured.before if measured else 0)


def _files(study: StudyFolder, loaded: Loaded, sizes: Sizes) -> tuple[int, int]:
    """Bytes of the files that stay, but for totals; and of calibrate scores, which go with the choice."""
    places, images = loaded.places, study.images
    times = places.steps * len(places.branches)
    picture = int(_pixels(loaded) * BYTES_OF_PNG_PIXEL) + _label_bytes(loaded)
    scores = sum(len(of.metrics) + 4 * (not of.binary) for of in places.properties)
    rows = int(len(places.layers) * (times * len(TARGETS) + 2) * scores * BYTES_OF_ROW)
    shown = len(gallery_rows(study)) * _pixels(loaded) * 3 * (2 * places.steps + 1)
    lasting = len(study.rows) * picture + 2 * images["test"] * rows + 2 * shown
    lasting += images["fit"] * _recorded_bytes(study, loaded, places.steps) + images["calibrate"] * rows
    tried = len(study.config.probes.strengths) * len(TARGETS) * sum(of.binary for of in places.properties)
    return lasting, 4 * images["calibrate"] * len(places.layers) * times * tried * len(THRESHOLDS)


def _pixels(loaded: Loaded) -> int:
    return loaded.model.size[0] * loaded.model.size[1]


def _label_bytes(loaded: Loaded) -> int:
    """Of a picture's labels, as they are kept: binary ones in 8 bits, others in float32."""
    return _pixels(loaded) * sum(1 if of.binary else 4 for of in loaded.places.properties)


def _recorded_bytes(study: StudyFolder, loaded: Loaded, steps: int) -> int:
    """Of what is kept of a fit picture for controls and classes, in 16 bits: latents, mean activations."""
    places, numbers = loaded.places, 0
    if any(control.records_latents for control in loaded.controls):
        numbers += len(KINDS) * math.prod(loaded.model.adapter.latents(loaded.model.pipe, loaded.model.size))
    if study.config.labels.classifier:
        numbers += len(places.branches) * sum(layer.channels for layer in places.watched)
    return 2 * steps * numbers


def _parameter_bytes(parts: Iterable[object]) -> int:
    networks = [part for part in parts if isinstance(part, torch.nn.Module)]
    return sum(x.numel() * x.element_size() for network in networks for x in network.parameters())


def _measured(study: StudyFolder, loaded: Loaded, card: str | None, progress: Progress) -> Measured:
    """card: the GPU, where there is one: it is slower the first time."""
    rows, rounds, before = study.shards[0].batches[0][:2], 1, 0
    if card:
        torch.cuda.reset_peak_memory_stats(card)
        rounds, before = 2, torch.cuda.memory_allocated(card)
    progress.start(rounds * len(rows))
    progress.phase("measuring the time")
    for _ in range(rounds):
        totals, held = empty_totals(loaded.places), Held(loaded.places)
        start = time.perf_counter()
        made = make_batch(loaded, rows, study.config.model, held.look, progress.advance)
        held.add_to(totals, made.labels)
        seconds = time.perf_counter() - start
    return Measured(seconds / len(rows), before, torch.cuda.max_memory_allocated(card) if card else 0)
