"""Schemas of the tables about seeds: layouts, what decides them, and what was found by searching."""

from __future__ import annotations

import pyarrow as pa

from underpainting.records.schemas import NAME

SEARCHED = pa.schema(
    [
        ("prompt", NAME),
        ("seed", pa.int64()),
        ("step", pa.int16()),
        ("predicted", pa.float64()),
        ("expected", pa.float64()),
        ("score", pa.float64()),
    ]
)
"""One row a seed of a search, the best first.

step: the last one that it was brought to. predicted: the wish's score of the maps that were predicted at the
last cut that it was at; expected: what calibrate pictures say the finished score is then. score: the
finished picture's, null where it was not finished.
"""

LAYOUTS = pa.schema(
    [
        ("image", NAME),
        ("prompt", NAME),
        ("seed", pa.int64()),
        ("step", pa.int16()),
        ("quantity", NAME),
        ("value", pa.float64()),
    ]
)
"""One row a quantity of a picture's layout (see `seeds.layout`).

step: from 1, as probes read it there; 0, of the finished picture's labels. value is nan where the picture has
no such quantity.
"""

SHORTENED = pa.schema(
    [
        ("image", NAME),
        ("prompt", NAME),
        ("way", NAME),
        ("step", pa.int16()),
        ("property", NAME),
        ("metric", NAME),
        ("value", pa.float64()),
    ]
)
"""One row a score of a picture that was made with less work, beside the whole one.

way, step: how (see `findings.shortened`), and the last step that was as in the whole run; of the way `fewer`,
how many steps there were. metric: `own`, `class_kept`, `class_right`, `colour_change`, `background_change` as
in `INTERVENTIONS`; `evaluations` of the network, and `rows` that it was given in them.
"""

_SHARES = [
    (f"{part}{end}", pa.float64())
    for part in ("seed", "prompt", "together", "other_seed")
    for end in ("", "_low", "_high")
]
VARIANCE = pa.schema(
    [
        ("quantity", NAME),
        ("step", pa.int16()),
        ("prompts", pa.int32()),
        ("seeds", pa.int32()),
        ("deviation", pa.float64()),
        ("within", pa.float64()),
        *_SHARES,
    ]
)
"""One row a quantity and step: what decides it, as `findings.variance.Decided` has it."""
