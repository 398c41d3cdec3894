"""Schemas of the result tables, and reading and writing them as Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from underpainting.errors import UnderpaintingError
from underpainting.readers import reading
from underpainting.vocabulary import NAME_RULE, no_name

NAME = pa.dictionary(pa.int32(), pa.string())
READS = "table", "run the study again"
PART = 1 << 16  # rows read at a time
WORDS = ("prompt", "class", "class_unedited", "class_edited")
"""Columns of text that may be anything; all other text is names."""

SCORES = pa.schema(
    [
        ("property", NAME),
        ("layer", NAME),
        ("step", pa.int16()),
        ("branch", NAME),
        ("image", NAME),
        ("prompt", NAME),
        ("source", NAME),
        ("metric", NAME),
        ("value", pa.float64()),
    ]
)
"""One row a score. step counts from 1 (0: of no step); value is nan where the score does not exist."""

EMERGENCE = pa.schema(
    [
        ("property", NAME),
        ("layer", NAME),
        ("source", NAME),
        ("criterion", NAME),
        ("share", pa.float64()),
        ("step", pa.int16()),
        ("low", pa.int16()),
        ("high", pa.int16()),
        ("reached", pa.float64()),
    ]
)
"""One row a step from which something holds; null where it is not reached by the last step.

layer: a name, or `best` for the layer chosen on calibrate pictures, chosen anew in every draw. criterion:
`emergence` (share of the way from position alone to the last score), `bar` (share of the probe's last score)
or `overtakes` (a rival's score stays above the best layer's probe's, on pictures that both have). low,
high: 95 % interval over draws of prompts. reached: share of the draws that reach it.
"""

LEADS = pa.schema(
    [
        ("property", NAME),
        ("layer", NAME),
        ("source", NAME),
        ("pictures", pa.int32()),
        ("steps", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("ahead", pa.int32()),
        ("behind", pa.int32()),
        ("p", pa.float64()),
        ("p_holm", pa.float64()),
    ]
)
"""One row a rival: by how many steps the probe is at the common bar before it, a mean over pictures.

low, high: 95 % interval over draws of prompts. ahead, behind: prompts on which the probe is earlier, later.
p: sign test over prompts; p_holm: adjusted over all rows of the table.
"""

CLASSIFICATION = pa.schema(
    [
        ("image", NAME),
        ("prompt", NAME),
        ("picture", NAME),
        ("step", pa.int16()),
        ("rank", pa.int16()),
        ("class", NAME),
        ("probability", pa.float64()),
    ]
)
"""One row a class that a classifier sees in a picture, its rank from 1.

picture: `noisy` (decoded latents before the step), `clean` (decoded predicted clean latents), `final` or
`photograph`; step counts from 1 (0: of no step). Of each picture there are the five first classes, those that
are first in any picture of the same image, and the right ones.
"""

INTERVENTIONS = pa.schema(
    [
        ("image", NAME),
        ("prompt", NAME),
        ("trial", pa.int16()),
        ("condition", NAME),
        ("aim", NAME),
        ("property", NAME),
        ("metric", NAME),
        ("value", pa.float64()),
    ]
)
"""One row a score of a picture made with edited activations.

condition: `null` (not edited), `intervened`, a control, or another way. aim: the property whose map was to be
moved; property: the one that is scored, empty for scores of the picture itself. metric: `target`,
`target_if_kept`, `own`, `class_kept`, `class_right`, `colour_change`, `background_change`,
`evaluations` (of the network, beside those of the unedited picture); nan where there is no score.
"""

ERASED = pa.schema(
    [
        ("image", NAME),
        ("prompt", NAME),
        ("condition", NAME),
        ("layer", NAME),
        ("step", pa.int16()),
        ("property", NAME),
        ("metric", NAME),
        ("value", pa.float64()),
    ]
)
"""One row a score of a picture made while something was erased of activations.

condition: what was erased (see `findings.erasure`). layer, step: where a probe that is fitted to what is left
reads the unedited picture's label, metric `average_precision` or `spearman`; of scores of the picture itself
they are empty and 0: `own`, `class_kept`, `class_right`, `colour_change`, `background_change` as in
`INTERVENTIONS`, and `change`, the norm of what was taken as a share of the activations'.
"""

BATCH = pa.schema(
    [
        ("image", NAME),
        ("prompt", NAME),
        ("seed", pa.int64()),
        ("property", NAME),
        ("metric", NAME),
        ("unedited", pa.float64()),
        ("edited", pa.float64()),
        ("class_unedited", NAME),
        ("class_edited", NAME),
    ]
)
"""One row a score of a picture of a batch, unedited and edited; metric as in `INTERVENTIONS`.

class_unedited, class_edited: what a classifier sees first in the picture, null without one.
"""

PROMPTS = pa.schema(
    [
        ("image", pa.string()),
        ("prompt", pa.string()),
        ("seed", pa.int64()),
        ("prompt_ind", pa.int64()),
        ("split", pa.string()),
    ]
)
"""One row an image; split is fit, calibrate or test."""


def make_table(schema: pa.Schema, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Table of a schema from columns by name (lists or arrays of one length).

    Raises UnderpaintingError where columns are missing, unknown, of unequal length or of a wrong type.
    """
    _check_names(schema, list(columns), "the table")
    try:
        arrays = [pa.array(columns[field.name], type=_plain(field.type)) for field in schema]
        return pa.table(arrays, names=schema.names).cast(schema)
    except (pa.ArrowException, TypeError) as error:
        raise UnderpaintingError(
            f"the columns make no table: {error}; give one value a row of the schema's type"
        ) from error


def table_of_rows(schema: pa.Schema, rows: Iterable[Sequence[Any]]) -> pa.Table:
    """A table of rows, each a value a column in the schema's order. Raises as `make_table`."""
    kept = [*rows]
    return make_table(schema, {name: [row[i] for row in kept] for i, name in enumerate(schema.names)})


def write_table(path: Path, table: pa.Table, schema: pa.Schema) -> None:
    """Write a table as Parquet (zstd); equal rows give equal bytes, however they were joined.

    Not atomic by itself: give it a temporary path (`sealing`, `atomic_folder`). Raises UnderpaintingError
    where columns or types are not the schema's.
    """
    _check_names(schema, table.column_names, str(path))
    try:
        # Through plain strings in one chunk, so that dictionaries are in order of first appearance.
        whole = table.select(schema.names).cast(plain_schema(schema)).combine_chunks().cast(schema)
    except pa.ArrowException as error:
        raise UnderpaintingError(f"{path}: columns are not of the schema's types ({error})") from error
    pq.write_table(whole, path.absolute(), compression="zstd")  # pyarrow would take ~ for a home


def read_table(
    path: Path, schema: pa.Schema, columns: Sequence[str] | None = None, filters: Any = None
) -> pa.Table:
    """Read columns (all where left out) of the rows that pass pyarrow `filters`, in the schema's order.

    Raises UnderpaintingError where the file is missing, is no Parquet, lacks a column, or holds a name that
    is none (see `vocabulary.NAME_RULE`).
    """
    names = [name for name in schema.names if columns is None or name in columns]
    with reading(path, *READS):
        _check_names(schema, pq.read_schema(path.absolute()).names, str(path))
        table = pq.read_table(path.absolute(), columns=names, filters=filters, partitioning=None)
        return _named(path, table.select(names).cast(pa.schema([schema.field(name) for name in names])))


def read_parts(path: Path, schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Columns of a table, a part of bounded size at a time. Raises as `read_table`."""
    names = [name for name in schema.names if name in columns]
    kept = pa.schema([schema.field(name) for name in names])
    with reading(path, *READS):
        _check_names(schema, pq.read_schema(path.absolute()).names, str(path))
        with pq.ParquetFile(
            path.absolute(), read_dictionary=[x.name for x in kept if pa.types.is_dictionary(x.type)]
        ) as file:
            for batch in file.iter_batches(PART, columns=names):
                yield _named(path, pa.Table.from_batches([batch]).select(names).cast(kept))


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """A schema with strings in place of dictionaries, which some of pyarrow's functions do not take."""
    return pa.schema([(field.name, _plain(field.type)) for field in schema])


def _named(path: Path, table: pa.Table) -> pa.Table:
    """The table, where all that names something in it is a name, or nothing."""
    for field in table.schema:
        if field.name in WORDS or _plain(field.type) != pa.string():
            continue
        values = {name for chunk in table[field.name].chunks for name in chunk.unique().to_pylist()}
        if wrong := no_name(values - {None, ""}):
            raise UnderpaintingError(f"{path}: {field.name} {wrong} is no name: {NAME_RULE}")
    return table


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _check_names(schema: pa.Schema, names: Sequence[str], where: str) -> None:
    missing, unknown = set(schema.names) - set(names), set(names) - set(schema.names)
    if missing or unknown:
        raise UnderpaintingError(
            f"{where}: columns must be {', '.join(schema.names)}; missing: "
            f"{', '.join(sorted(missing)) or 'none'}, unknown: {', '.join(sorted(unknown)) or 'none'}"
        )
