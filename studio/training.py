"""The one training loop of the studio: AdamW, warm-up, cosine decay, an average of weights, for a given time.

A run may be stopped at any time: the weights are saved every few minutes, and the next run goes on from them
(with a fresh optimizer). Progress is kept as a table, one line a report, in ``log.csv`` under ``logs``.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

WARM_UP = 100  # updates
REPORT, SAVE = 30.0, 180.0  # seconds
AVERAGE = 0.999
LOGS = Path(__file__).parent / "logs"


def device() -> torch.device:
    """CUDA where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    module: nn.Module,
    loss: Callable[[torch.Generator], Tensor],
    save: Callable[[nn.Module], None],
    *,
    folder: Path,
    minutes: float,
    rate: float,
    batch: int,
    decay: float = 0.01,
) -> None:
    """Trains ``module`` in place for ``minutes`` and saves the average of its weights by ``save``.

    ``loss`` draws its own batch of ``batch`` samples from the generator it is given. Its seed is the number
    of samples seen so far, so that a resumed run sees new ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress = folder / "progress.json"
    seen = json.loads(progress.read_text())["samples"] if progress.exists() else 0
    rng = torch.Generator().manual_seed(seen)
    average = copy.deepcopy(module).requires_grad_(False)
    averaged, trained = list(average.parameters()), list(module.parameters())
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=decay, betas=(0.9, 0.99), fused=True)
    began = reported = saved = time.monotonic()
    update, running, done = 0, 0.0, False
    while not done:
        torch.set_num_threads(len(os.sched_getaffinity(0)))  # cores may be given and taken by taskset
        share = (time.monotonic() - began) / (60 * minutes)
        done = share >= 1
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (update + 1) / WARM_UP) * (0.01 + 0.99 * schedule(share))
        value = loss(rng)
        value.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        update, seen = update + 1, seen + batch
        keep = min(AVERAGE, (1 + update) / (10 + update))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, trained, 1 - keep)
            for a, b in zip(average.buffers(), module.buffers(), strict=True):
                a.copy_(b)
        running = value.item() if update == 1 else 0.98 * running + 0.02 * value.item()
        now = time.monotonic()
        if now - reported > REPORT or done:
            _log(folder / "log.csv", seen, (now - began) / 60, running, optimizer.param_groups[0]["lr"])
            reported = now
        if now - saved > SAVE or done:
            save(average)
            progress.write_text(json.dumps({"samples": seen}))
            saved = now
    module.load_state_dict(average.state_dict())


def forget_paths(folder: Path) -> None:
    """Takes out of saved configurations the path that a model was loaded from."""
    for path in folder.rglob("*.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        if config.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def schedule(share: float) -> float:
    """Flat for the first half of the time, then a cosine to zero."""
    return 1.0 if share < 0.5 else 0.5 * (1 + math.cos(math.pi * min(1.0, 2 * share - 1)))


def _log(path: Path, samples: int, minutes: float, loss: float, rate: float) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file)
        if fresh:
            table.writerow(["samples", "minutes", "loss", "rate"])
        table.writerow([samples, f"{minutes:.1f}", f"{loss:.5f}", f"{rate:.6f}"])
    print(f"{samples:>9d} samples  {minutes:6.1f} min  loss {loss:.5f}", flush=True)
