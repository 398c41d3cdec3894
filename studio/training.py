"""The one training loop of the studio, for a given time: AdamW or Muon, warm-up, decay, averaged weights.

A run may be stopped at any time: the weights are saved every few minutes, and the next run goes on from them.
With a checkpoint folder it goes on as if it had not been stopped, optimizer and all. Progress is kept as a
table, one line a report, in ``log.csv`` of the run's folder.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from studio.muon import Muon, matrices

WARM_UP = 100  # updates
REPORT, SAVE = 30.0, 180.0  # seconds
AVERAGE = 0.999
OPTIMIZERS = ("adamw", "muon")
LOGS = Path(__file__).parent / "logs"
STATE = "state.safetensors"


@dataclass(frozen=True)
class Course:
    """How a network is trained.

    For ``minutes``, at ``rate`` until the last ``decay_minutes`` of them (half of them unless given), over
    which the rate falls to nothing; by ``optimizer``, one of OPTIMIZERS; with ``bfloat16``, networks compute
    in it while weights and optimizer stay float32; weights are saved every ``save`` seconds. ``clock`` tells
    the seconds: by `time.process_time` they are the processor's. With ``checkpoint``, the whole state of the
    training is kept in that folder, and so is its log.
    """

    minutes: float
    rate: float
    decay_minutes: float | None = None
    optimizer: str = "adamw"
    weight_decay: float = 0.01
    save: float = SAVE
    bfloat16: bool = False
    clock: Callable[[], float] = time.monotonic
    checkpoint: Path | None = None

    def share_of_rate(self, minutes: float) -> float:
        """The share of the rate after ``minutes``: one minus the root of the decay's share that has passed.

        See Hägele et al. 2024.
        """
        decay = self.minutes / 2 if self.decay_minutes is None else self.decay_minutes
        left = max(0.0, self.minutes - minutes)
        return 1.0 if left >= decay else 1 - (1 - left / decay) ** 0.5


def options(cli: argparse.ArgumentParser, minutes: float, rate: float) -> None:
    """The options that every training has."""
    cli.add_argument("--minutes", type=float, default=minutes)
    cli.add_argument("--rate", type=float, default=rate)
    cli.add_argument("--decay-minutes", type=float, help="how long the rate falls at the end (half the time)")
    cli.add_argument("--optimizer", choices=OPTIMIZERS, default="adamw")
    cli.add_argument("--checkpoint", type=Path, help="a folder for the training's whole state, to go on from")
    cli.add_argument("--packed", type=Path, help="where studio.scenes put them")
    cli.add_argument("--scenes", type=int, help="the first of them alone")


def course(args: argparse.Namespace) -> Course:
    """The course that those options ask for."""
    return Course(
        minutes=args.minutes,
        rate=args.rate,
        decay_minutes=args.decay_minutes,
        optimizer=args.optimizer,
        checkpoint=args.checkpoint,
    )


def device() -> torch.device:
    """CUDA where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    module: nn.Module,
    loss: Callable[[torch.Generator], Tensor],
    save: Callable[[nn.Module], None],
    *,
    folder: Path,
    batch: int,
    course: Course,
) -> None:
    """Trains ``module`` in place and saves the average of its weights by ``save``.

    ``loss`` draws its own batch of ``batch`` samples from the generator it is given. Its seed is the number
    of samples seen so far, so that a resumed run sees new ones. The log is kept in ``folder`` unless the
    course has a checkpoint.
    """
    folder = course.checkpoint or folder
    folder.mkdir(parents=True, exist_ok=True)
    progress = folder / "progress.json"
    seen = json.loads(progress.read_text())["samples"] if progress.exists() else 0
    where = next(module.parameters()).device
    rng = torch.Generator(where).manual_seed(seen)
    average = copy.deepcopy(module).requires_grad_(False)
    state = State(module, average, course)
    if course.checkpoint and (course.checkpoint / STATE).exists():
        state.load(course.checkpoint / STATE)
    averaged: list[Tensor] = list(average.parameters())
    trained: list[Tensor] = list(module.parameters())
    began = reported = saved = course.clock()
    running, done = None, False
    while not done:
        torch.set_num_threads(len(os.sched_getaffinity(0)))  # cores may be given and taken by taskset
        minutes = (course.clock() - began) / 60
        done = minutes >= course.minutes
        state.set_rate(course.rate * course.share_of_rate(minutes))
        with torch.autocast(where.type, torch.bfloat16, enabled=course.bfloat16):
            value = loss(rng)
        value.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        state.step()
        seen += batch
        keep = min(AVERAGE, (1 + state.updates) / (10 + state.updates))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, trained, 1 - keep)
            for a, b in zip(average.buffers(), module.buffers(), strict=True):
                a.copy_(b)
        value = value.detach()
        running = value if running is None else running.lerp(value, 0.02)
        now = course.clock()
        if now - reported > REPORT or done:
            _log(folder / "log.csv", seen, (now - began) / 60, float(running), state.rate)
            reported = now
        if now - saved > course.save or done:
            save(average)
            if course.checkpoint:
                state.save(course.checkpoint / STATE)
            progress.write_text(json.dumps({"samples": seen}))
            saved = now
    module.load_state_dict(average.state_dict())


class State:
    """What a training is made of: weights, their average, optimizers, the number of updates so far."""

    def __init__(self, module: nn.Module, average: nn.Module, course: Course) -> None:
        """A training's start."""
        wide, rest = matrices(module) if course.optimizer == "muon" else ([], list(module.parameters()))
        self.module, self.average, self.updates, self.rate = module, average, 0, course.rate
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                rest, lr=course.rate, weight_decay=course.weight_decay, betas=(0.9, 0.99), fused=True
            )
        ]
        if wide:
            self.optimizers.append(Muon(wide, lr=course.rate, weight_decay=course.weight_decay))

    def set_rate(self, rate: float) -> None:
        """Sets the rate of the next step, less while the training warms up."""
        self.rate = rate * min(1, (self.updates + 1) / WARM_UP)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate

    def step(self) -> None:
        """Steps every weight and forgets the gradients."""
        for optimizer in self.optimizers:
            optimizer.step()
        self.module.zero_grad(set_to_none=True)
        self.updates += 1

    def save(self, path: Path) -> None:
        """Writes the state; a file that is there stays whole until the new one is."""
        tensors = {"updates": torch.tensor(self.updates)}
        for kind, module in (("module", self.module), ("average", self.average)):
            tensors |= {f"{kind} {key}": value for key, value in module.state_dict().items()}
        for k, optimizer in enumerate(self.optimizers):
            for i, values in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer {k} {i} {key}": value for key, value in values.items()}
        part = path.with_suffix(".part")
        save_file({key: value.contiguous() for key, value in tensors.items()}, part)
        part.replace(path)

    def load(self, path: Path) -> None:
        """Takes up the state that was saved."""
        tensors = load_file(path)
        self.updates = int(tensors.pop("updates"))
        for kind, module in (("module", self.module), ("average", self.average)):
            module.load_state_dict(
                {key.split(" ", 1)[1]: value for key, value in tensors.items() if key.startswith(kind + " ")}
            )
        for k, optimizer in enumerate(self.optimizers):
            saved = optimizer.state_dict()
            for name, value in tensors.items():
                if name.startswith(f"optimizer {k} "):
                    _, _, i, key = name.split(" ")
                    saved["state"].setdefault(int(i), {})[key] = value
            optimizer.load_state_dict(saved)


def forget_paths(folder: Path) -> None:
    """Takes out of saved configurations the path that a model was loaded from."""
    for path in folder.rglob("*.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        if config.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _log(path: Path, samples: int, minutes: float, loss: float, rate: float) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file)
        if fresh:
            table.writerow(["samples", "minutes", "loss", "rate"])
        table.writerow([samples, f"{minutes:.1f}", f"{loss:.5f}", f"{rate:.6f}"])
    print(f"{samples:>9d} samples  {minutes:6.1f} min  loss {loss:.5f}", flush=True)
