"""How to cite underpainting and the study that it builds on, as CITATION.cff has it."""

from importlib.metadata import version

PROJECT = "https://github.com/underpainting/underpainting"
AUTHORS = "The underpainting developers"
TITLE = "underpainting"
LICENCE = "Apache-2.0"
VERSION = version("underpainting")
RELEASED = "2026-11-24"
BUILT_ON = {
    "author": "Chen, Yida and Viégas, Fernanda and Wattenberg, Martin",
    "title": "Beyond Surface Statistics: Scene Representations in a Latent Diffusion Model",
    "year": "2023",
    "note": "arXiv 2306.05720",
}


def bibtex() -> str:
    """Both as BibTeX entries."""
    software = {
        "author": f"{{{AUTHORS}}}",
        "title": f"{{{TITLE}}}",
        "version": VERSION,
        "year": RELEASED.partition("-")[0],
        "url": PROJECT,
        "note": LICENCE,
    }
    entries = {"software{underpainting": software, "article{chen2023": BUILT_ON}
    return "\n\n".join(
        f"@{kind},\n" + "".join(f"  {name} = {{{value}}},\n" for name, value in entry.items()) + "}"
        for kind, entry in entries.items()
    )
