"""Gallery pictures as data addresses, small enough for one file."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from underpainting.colours import ramp, ramp_name
from underpainting.report.contents import Contents
from underpainting.report.tables import Topic, number, topics
from underpainting.study.study import Gallery
from underpainting.vocabulary import METRICS, OBJECT

BUDGET = 4_000_000
SIDES = (256, 192, 128, 96)


def gallery_data(contents: Contents) -> list[dict[str, Any]]:
    """What the page shows of each gallery picture, as data addresses by step.

    Each entry has `image`, `prompt`, `seed`, `size` [width, height], `steps`, `final`, `noisy` and `clean`
    [step], and `maps`: for each property its name, layer, `label`, `probe` [step], `estimator` [step] (in the
    noisy pictures, where it was kept), `words` [step] (attention to the object's word, where it was watched)
    and `scores` [step] as text; and, where depth is read, `relief`.
    Pictures are WEBP, at most 256 px on a side and smaller where all would pass `BUDGET` characters; maps are
    PNG.
    """
    if contents.gallery is None:
        return []
    kept = contents.gallery
    count = sum(1 for key in kept.arrays if key.endswith("/final"))
    films = {
        key: array for key, array in kept.arrays.items() if key.split("/")[1] in ("noisy", "clean", "final")
    }
    shown = _within_budget(films)
    entries = []
    for i in range(count):
        about = _about(kept, i)
        final = kept.arrays[f"{i}/final"]
        steps = len(kept.arrays[f"{i}/clean"])
        maps = [_maps(contents, kept, i, about, topic) for topic in topics(contents)]
        entries.append(
            {
                "image": about.get("image", f"picture {i + 1}"),
                "prompt": about.get("prompt", ""),
                "seed": about.get("seed"),
                "size": [final.shape[1], final.shape[0]],
                "steps": list(range(1, steps + 1)),
                "final": shown[f"{i}/final"][0],
                "noisy": shown[f"{i}/noisy"],
                "clean": shown[f"{i}/clean"],
                "maps": [m for m in maps if m],
                **_relief(kept, i),
            }
        )
    return entries


def picture_address(picture: NDArray[np.uint8]) -> str:
    """A picture [height, width, 3] as a data address."""
    return _webp(picture, SIDES[0])


def map_address(values: NDArray[np.float32], name: str) -> str:
    """A property's map [height, width] in its colours over its own range, as a data address."""
    return _tinted(values, (float(values.min()), float(values.max())), name)


def _about(kept: Gallery, i: int) -> dict[str, Any]:
    listed = kept.about.get("pictures", [])
    return dict(listed[i]) if i < len(listed) else {}


def _maps(contents: Contents, kept: Gallery, i: int, about: dict[str, Any], topic: Topic) -> dict[str, Any]:
    probe, label = kept.arrays.get(f"{i}/probe/{topic.name}"), kept.arrays.get(f"{i}/label/{topic.name}")
    if probe is None or label is None:
        return {}
    probe, label = probe.astype(np.float32), label.astype(np.float32)
    estimated = kept.arrays.get(f"{i}/estimator/{topic.name}", np.empty(0)).astype(np.float32)
    if topic.kind == "dice":
        cuts = np.asarray(kept.about["thresholds"][topic.name], dtype=np.float32)
        frames = [_mask(scores > cut, topic.name) for scores, cut in zip(probe, cuts, strict=True)]
        target = _mask(label > 0.5, topic.name)
        seen = [_mask(values > 0.5, topic.name) for values in estimated]
    else:
        ends = float(label.min()), float(label.max())
        frames = [_tinted(values, ends, topic.name) for values in probe]
        target = _tinted(label, ends, topic.name)
        seen = [_tinted(values, ends, topic.name) for values in estimated]
    return {
        "name": topic.name,
        "layer": topic.layer,
        "metric": METRICS[topic.metric],
        "label": target,
        "probe": frames,
        **({"estimator": seen} if seen else {}),
        **_words(kept, i, topic),
        "scores": _scores(contents, topic, str(about.get("image", "")), len(frames)),
    }


def _words(kept: Gallery, i: int, topic: Topic) -> dict[str, list[str]]:
    """Attention to the object's word at each step, over the range of all steps, beside its saliency."""
    attended = kept.arrays.get(f"{i}/words")
    if attended is None or topic.name != OBJECT:
        return {}
    ends = float(attended.min()), float(attended.max())
    return {"words": [_tinted(values, ends, topic.name) for values in attended]}


def _relief(kept: Gallery, i: int) -> dict[str, Any]:
    """The probe's depth at each step as bytes [grid row, grid column]: the label's range is 0 to 255."""
    probe, label = (kept.arrays.get(f"{i}/{kind}/depth") for kind in ("probe", "label"))
    if probe is None or label is None:
        return {}
    low, high = float(label.min()), float(label.max())
    share = np.clip((probe.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
    levels = np.round(np.nan_to_num(share) * 255).astype(np.uint8)
    steps = [base64.b64encode(level.tobytes()).decode() for level in levels]
    return {"relief": {"grid": list(probe.shape[1:]), "steps": steps}}


def _scores(contents: Contents, topic: Topic, image: str, steps: int) -> list[str]:
    if image not in contents.scores.images:
        return [number(float("nan"))] * steps
    at = contents.scores.images.index(image)
    return [
        number(float(contents.scores.at(topic.name, topic.metric, "probe", topic.layer, step)[at]))
        for step in range(1, steps + 1)
    ]


def _within_budget(films: dict[str, NDArray[np.uint8]]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for side in SIDES:
        made = {
            key: [_webp(frame, side) for frame in array.reshape(-1, *array.shape[-3:])]
            for key, array in films.items()
        }
        if sum(len(address) for film in made.values() for address in film) <= BUDGET:
            break
    return made


def _webp(picture: NDArray[np.uint8], side: int) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=78, method=4)
    return _address(out.getvalue(), "webp")


def _mask(mask: NDArray[np.bool_], name: str) -> str:
    return _png(np.where(mask, 226, 24).astype(np.uint8), name)


def _tinted(values: NDArray[np.float32], ends: tuple[float, float], name: str) -> str:
    low, high = ends
    share = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return _png(np.round(np.nan_to_num(share) * 255).astype(np.uint8), name)


def _png(levels: NDArray[np.uint8], name: str) -> str:
    image = Image.fromarray(levels)
    if max(image.size) > SIDES[0]:
        image.thumbnail((SIDES[0], SIDES[0]), Image.Resampling.BOX)
    image.putpalette(ramp(ramp_name(name)).tobytes())
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return _address(out.getvalue(), "png")


def _address(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
