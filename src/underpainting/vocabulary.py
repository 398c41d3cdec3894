"""What sources, metrics and steps are called: written once, for the console, the page and the cards."""

from __future__ import annotations

METRICS = {
    "dice": "Dice",
    "average_precision": "average precision",
    "spearman": "rank",
    "pearson": "linear",
    "rmse": "RMSE",
    "spearman_centred": "rank, position out",
    "pearson_centred": "linear, position out",
    "spearman_object": "rank, on the object",
    "spearman_background": "rank, on the background",
}

SOURCES = {
    "probe": "probe",
    "unconditional": "unconditional branch",
    "position": "position alone",
    "shuffled": "shuffled labels",
    "latents:noisy": "linear probe of the noisy latents",
    "latents:clean": "linear probe of the predicted clean latents",
    "network:noisy": "small network on the noisy latents",
    "network:clean": "small network on the predicted clean latents",
    "decoder": "decoder's attention",
    "permuted": "permuted weights on the same latents",
    "fresh": "untrained network on the same latents",
    "permuted-own": "permuted weights on their own trajectory",
    "fresh-own": "untrained network on its own trajectory",
    "estimator:noisy": "estimator on the noisy picture",
    "estimator:scaled": "estimator on the noisy picture at unit variance",
    "estimator:clean": "estimator on the predicted clean picture",
    "luminance": "finished picture's luminance",
    "ceiling": "grid's ceiling",
}
"""Whose score a row is, in words. Noisy latents are what the network is given at a step; predicted clean
latents are the finished ones as its output at that step foretells them."""

NOT_REACHED = "not reached"
_WITHOUT_ARTICLE = ("position", "shuffled", "permuted", "permuted-own")


def the(source: str) -> str:
    """A source's words as a sentence takes them, such as `the unconditional branch`."""
    return SOURCES[source] if source in _WITHOUT_ARTICLE else f"the {SOURCES[source]}"


def listed(words: list[str]) -> str:
    """Words with commas and an `and` between."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def first_step(step: int | None) -> str:
    """The step from which something holds, for a table's cell: a number, or that it is not reached."""
    return NOT_REACHED if step is None else str(step)


def from_step(step: int | None, last: int) -> str:
    """From which step something holds, for a sentence: `from step 4`, `only at the last step, 15`."""
    if step is None:
        return "not by the last step"
    return f"from step {step}" if step < last else f"only at the last step, {last}"


def step_interval(low: int | None, high: int | None) -> str:
    """The interval of such a step: `4 to 7`; `14 or later` where some do not reach it; empty where none does.

    Not reached counts as later than the last step.
    """
    if low is None:
        return ""
    return f"{low} or later" if high is None else f"{low} to {high}"
