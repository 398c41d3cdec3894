"""The page's pace: the first information, a whole picture beside `denoise` alone, an edit's first step.

`python -m benchmarks.page [STUDY]`: the page is served on a free port in this process (without a study, the
still life's own, which is made where it is not there), and asked over HTTP by one client, in turn with the
same work without it. Seeds are new each time, so that nothing is remembered.
"""

from __future__ import annotations

import json
import time
from itertools import count
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx2
import typer

from benchmarks.timing import interleaved, ratio
from underpainting.cli._screen import table
from underpainting.page.guard import Access
from underpainting.page.opening import opened
from underpainting.page.server import serving
from underpainting.screen import progress

PROMPT = "a blue mug on a wooden floor"
SEEDS = count(70_000)


def measure(study: Annotated[Path | None, typer.Argument()] = None, repeats: int = 7) -> dict[str, float]:
    """Measure page_first_seconds, page_ratio and page_edit_first_seconds."""
    with progress() as shown:
        app = opened(study, None, shown)(Access("127.0.0.1"))
    with serving(app) as address, httpx2.Client(base_url=address, timeout=600) as page:
        desk = app.state.page.desk
        served = desk.served
        about = served.study.config.model
        settings = {"steps": about.steps, "guidance_scale": about.guidance_scale}
        firsts: list[float] = []
        edits: list[float] = []

        def picture() -> None:
            first, _ = asked(page, "/api/pictures", {"prompt": PROMPT, "seed": next(SEEDS)}, "finished")
            firsts.append(first)

        def edit() -> None:
            seed = next(SEEDS)
            asked(page, "/api/pictures", {"prompt": PROMPT, "seed": seed}, "finished")
            body = {"prompt": PROMPT, "seed": seed, "move": [0.1, 0.05]}
            edits.append(asked(page, "/api/edits", body, "step")[0])

        def alone() -> Any:
            return served.model.denoise([PROMPT], [next(SEEDS)], **settings)

        def decoded() -> None:
            served.model.decode(alone().latents)

        times = interleaved({"denoise alone": alone, "and decoded": decoded, "the page": picture}, repeats)
        below = times["denoise alone"]
        table(
            ["a picture", "median s", "least s", "over denoise alone"],
            [[name, median(of), min(of), ratio(of, below)] for name, of in times.items()],
        )
        for _ in range(repeats):
            edit()
        found = {
            "page_first_seconds": median(firsts),
            "page_ratio": ratio(times["the page"], below),
            "page_edit_first_seconds": median(edits),
        }
        table(["figure", "value"], [[name, value] for name, value in found.items()])
        return found


def asked(page: httpx2.Client, path: str, body: dict[str, Any], until: str) -> tuple[float, Any]:
    """Seconds from the request to the first step, and the data of the event that is waited for.

    The job is stopped then, so that nothing is left of it.
    """
    begun, first, kind = time.perf_counter(), 0.0, ""
    job = page.post(path, json=body).raise_for_status().json()
    with page.stream("GET", job["events"]) as events:
        for line in events.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
                first = first or (time.perf_counter() - begun if kind == "step" else 0.0)
            elif line.startswith("data: ") and kind == until:
                data = json.loads(line.removeprefix("data: "))
                break
    page.delete(f"/api/jobs/{job['job']}")
    while page.get("/api/about").json()["worker"]["working"]:
        time.sleep(0.005)
    return first, data


if __name__ == "__main__":
    typer.run(measure)
