"""What mkdocs calls while it builds the site: pages that are not in docs/, and links that lead out of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

from website import commands, interface, notebooks
from website.links import to_site
from website.llms import listing

ROOT = Path(__file__).parents[1]
ICON = ROOT / "src" / "underpainting" / "page" / "static" / "icon.svg"
MOVED = {
    "README.md": "index.md",
    "docs/README.md": "all-pages.md",
    "CONTRIBUTING.md": "contributing.md",
    "src/underpainting/stilllife/README.md": "stilllife.md",
    "studio/README.md": "studio.md",
    "docs/tutorial.ipynb": "tutorial.md",
    "docs/own-pipeline.ipynb": "own-pipeline.md",
}
"""Pages of the site that are elsewhere in the repository, or notebooks, and where the site has them."""
MESSAGES = re.compile(r"^```\n((?:underpainting: .+\n)+)```$", flags=re.M)
MESSAGE = "``` {{ .text .message }}\n{}\n```"
"""Lines of refused commands in a block of code, and each as a block that is not cut but broken."""
_NAV: list[Any] = []
_HOMES = {page: home for home, page in MOVED.items()}


def on_config(config: Any) -> Any:
    """Put every page that a pattern of the navigation names in its place, but for the folder's README."""
    config.nav = _expanded(config.nav, Path(config.docs_dir))
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made from code, and those that lie elsewhere in the repository."""
    made = {"reference/cli.md": commands.reference(), "reference/api.md": interface.reference()}
    for home, page in MOVED.items():
        if home.endswith(".ipynb"):
            made[page], pictures = notebooks.as_page(ROOT / home)
            for name, data in pictures.items():
                files.append(File.generated(config, name, content=data, inclusion=InclusionLevel.INCLUDED))
        else:
            made[page] = (ROOT / home).read_text(encoding="utf-8")
    files.append(File.generated(config, "assets/icon.svg", abs_src_path=str(ICON)))
    for name, text in made.items():
        files.append(File.generated(config, name, content=text, inclusion=InclusionLevel.INCLUDED))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """A page as the site needs it: its links, messages that are broken, code in tables without slashes."""
    name = page.file.src_uri
    text = MESSAGES.sub(lambda block: "\n\n".join(map(MESSAGE.format, block[1].splitlines())), markdown)
    text = re.sub(r"`[^`\n]+`", lambda code: code[0].replace("\\|", "|"), text)
    return to_site(text, _HOMES.get(name, f"docs/{name}"), MOVED)


def on_env(env: Any, config: Any, files: Files) -> Any:
    """Put beside every page its Markdown, and `llms.txt`, which lists them."""
    home = Path(config.site_dir)
    for file in files.documentation_pages():
        if file.page is not None:
            target = home / file.src_uri
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.page.markdown, encoding="utf-8")
    text = listing(config.site_name, config.site_description, _NAV[0])
    (home / "llms.txt").write_text(text, encoding="utf-8")
    return env


def on_nav(nav: Any, config: Any, files: Files) -> Any:
    """Keep the navigation for `llms.txt`."""
    _NAV[:] = [nav]
    return nav


def _expanded(nav: Any, docs: Path) -> Any:
    if isinstance(nav, dict):
        return {title: _expanded(part, docs) for title, part in nav.items()}
    if not isinstance(nav, list):
        return nav
    parts: list[Any] = []
    for part in nav:
        if isinstance(part, str) and "*" in part:
            pages = sorted(path.relative_to(docs).as_posix() for path in docs.glob(part))
            parts += [page for page in pages if page not in nav]
        else:
            parts.append(_expanded(part, docs))
    return parts
