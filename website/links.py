"""Links that lead out of docs/: in the repository they are paths, on the site addresses of the repository."""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath, relpath

PROJECT = "https://github.com/underpainting/underpainting"
BLOB, RAW = f"{PROJECT}/blob/main/", f"{PROJECT}/raw/main/"
_LINK = re.compile(r"(\]\(|^\[[^\]]+\]: )([^)\s#]+)((?:#[^)\s]*)?(?:\)|$))", flags=re.M)


def to_site(text: str, page: str, moved: Mapping[str, str]) -> str:
    """A page's Markdown with links as the site needs them: what is no page of it is linked in the repository.

    page: its path in the repository. moved: where in docs/ the site has pages that are elsewhere there.
    """

    home = dirname(f"docs/{moved[page]}" if page in moved else page)

    def led(found: re.Match[str]) -> str:
        before, target, after = found.groups()
        path = target.removeprefix(BLOB).removeprefix(RAW)
        if path == target:
            if "://" in target:
                return found[0]
            path = normpath(join(dirname(page), target))
        path = f"docs/{moved[path]}" if path in moved else path
        return f"{before}{relpath(path, home) if path.startswith('docs/') else BLOB + path}{after}"

    return _LINK.sub(led, text)
