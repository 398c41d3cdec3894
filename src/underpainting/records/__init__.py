"""Tables and files: schemas, atomic writes, checksums. Imports nothing of ours but the error."""

from underpainting.records.atomic import (
    atomic_folder,
    clear_partial,
    replacing,
    sha256_file,
    verify_folder,
    write_bytes,
)
from underpainting.records.tables import PROMPTS, SCORES, make_table, read_table, write_table

__all__ = [
    "PROMPTS",
    "SCORES",
    "atomic_folder",
    "clear_partial",
    "make_table",
    "read_table",
    "replacing",
    "sha256_file",
    "verify_folder",
    "write_bytes",
    "write_table",
]
