"""Tables and files: schemas, atomic writes, checksums. Imports nothing of ours but the error."""

from underpainting.records.atomic import (
    atomic_folder,
    check_seal,
    clear_partial,
    remove,
    replacing,
    require_whole,
    sealing,
    sha256_file,
    verify_folder,
    write_bytes,
)
from underpainting.records.tables import EMERGENCE, PROMPTS, SCORES, make_table, read_table, write_table

__all__ = [
    "EMERGENCE",
    "PROMPTS",
    "SCORES",
    "atomic_folder",
    "check_seal",
    "clear_partial",
    "make_table",
    "read_table",
    "remove",
    "replacing",
    "require_whole",
    "sealing",
    "sha256_file",
    "verify_folder",
    "write_bytes",
    "write_table",
]
