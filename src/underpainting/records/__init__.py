"""Tables and files: schemas, atomic writes, checksums. Imports nothing of ours but the error."""

from underpainting.records.atomic import (
    atomic_folder,
    check_seal,
    clear_partial,
    find_fault,
    remove,
    replacing,
    require_whole,
    sealing,
    sha256_file,
    verify_folder,
    write_bytes,
)
from underpainting.records.tables import (
    EMERGENCE,
    LEADS,
    PROMPTS,
    SCORES,
    main_branch,
    make_table,
    read_parts,
    read_table,
    write_table,
)

__all__ = [
    "EMERGENCE",
    "LEADS",
    "PROMPTS",
    "SCORES",
    "atomic_folder",
    "check_seal",
    "clear_partial",
    "find_fault",
    "main_branch",
    "make_table",
    "read_parts",
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
