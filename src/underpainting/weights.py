"""Weights: what they are, where this machine keeps them, and what fetches them. Nothing is ever fetched here.

The rule about the network (docs/network.md): nothing is fetched by itself. A name is looked up among what
lies on this machine, and where it is missing one line says so, with the command that fetches it. What speaks
to the network does nothing else, and is in `underpainting.hub`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

from underpainting.errors import UnderpaintingError
from underpainting.readers import home_path

READABLE = (".safetensors", ".bin")
CONFIGS = "--include '*.json' --include '*.txt' --include '*.model'"
"""What `hf download` fetches of a repository by, where configurations and tokenizers are wanted alone."""


@dataclass(frozen=True)
class Work:
    """A paper to cite, as BibTeX has it. author: `Family, Given and Family, Given`. arxiv: its number."""

    key: str
    author: str
    title: str
    year: int
    arxiv: str


@dataclass(frozen=True)
class Weights:
    """What some model takes, and whether it is on this machine; the kinds below say where that is looked for.

    name: what the model is called here. works: the papers that whoever uses them cites, where known.
    """

    name: str
    works: tuple[Work, ...] = field(default=(), kw_only=True)

    @property
    def path(self) -> Path:
        """Where they are looked for, whether they are there or not."""
        raise NotImplementedError

    @property
    def size(self) -> int | None:
        """Bytes; None where that is not known."""
        return None

    @property
    def licence(self) -> str:
        """Empty where it is not known."""
        return ""

    @property
    def command(self) -> str:
        """What fetches them, empty where nothing can."""
        return ""

    def find(self) -> Path | None:
        """The folder or file that holds them, or None where it is not there."""
        return self.path if self.path.exists() else None

    @property
    def where(self) -> str:
        """Where they are, or where they were looked for."""
        return str(self.find() or self.path)

    def require(self) -> Path:
        """As `find`. Raises UnderpaintingError where there is nothing, with the command that fetches it."""
        found = self.find()
        if found is None:
            raise UnderpaintingError(lacking(self.name, self.path, self.command, self.size, self.licence))
        return found


@dataclass(frozen=True)
class Checkpoint(Weights):
    """Weights on the Hugging Face hub: what they are called here, their repository, bytes, licence.

    size, licence: None and empty where they are not known. files: options of `hf download` for those of the
    repository's files that are read; empty where all are fetched.
    """

    repository: str
    size: int | None = None
    licence: str = ""
    files: str = ""

    @property
    def path(self) -> Path:
        """Where the hub's cache keeps the repository, whether it does or not."""
        from huggingface_hub.constants import HF_HUB_CACHE

        return Path(HF_HUB_CACHE) / f"models--{self.repository.replace('/', '--')}"

    @property
    def command(self) -> str:
        """What fetches it."""
        return f"hf download {self.repository} {self.files}".rstrip()

    def find(self) -> Path | None:
        """The folder of the hub's cache that holds its files, or None where it holds no weights of it."""
        folder = self.cached()
        return folder if folder and any(file.suffix in READABLE for file in folder.rglob("*")) else None

    def cached(self) -> Path | None:
        """The folder of the hub's cache that holds any file of it, or None."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(self.repository, local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            return None

    def require_files(self, patterns: str, what: str | None = None) -> Path:
        """As `cached`, for files that are no weights. what: they are called, if not by the name.

        Raises UnderpaintingError where there are none, with the command that fetches those of some patterns.
        """
        if (folder := self.cached()) is None or not (folder / "model_index.json").is_file():
            raise UnderpaintingError(
                lacking(what or self.name, self.path, f"hf download {self.repository} {patterns}")
            )
        return folder


@dataclass(frozen=True)
class TorchFile(Weights):
    """Weights in one file, where torch keeps those of its hub: what they are called here, their address,
    bytes, licence.

    size, licence: None and empty where they are not known.
    """

    address: str
    size: int | None = None
    licence: str = ""

    @property
    def path(self) -> Path:
        """Where the file is looked for."""
        from torch.hub import get_dir

        return Path(get_dir()) / "checkpoints" / self.address.rpartition("/")[2]

    @property
    def command(self) -> str:
        """What fetches it."""
        return f"curl -L --create-dirs -o {self.path} {self.address}"


@dataclass(frozen=True)
class SavedModel(Weights):
    """A folder or file of this machine: one that came with the package, or one that a user names."""

    place: Path
    licence: str = ""

    @property
    def path(self) -> Path:
        """The folder or file."""
        return self.place

    @property
    def size(self) -> int | None:
        """Bytes of its files; None where it is not there."""
        if not self.place.exists():
            return None
        files = self.place.rglob("*") if self.place.is_dir() else (self.place,)
        return sum(file.stat().st_size for file in files if file.is_file())


_STABLE_DIFFUSION = Work(
    "rombach2022",
    "Rombach, Robin and Blattmann, Andreas and Lorenz, Dominik and Esser, Patrick and Ommer, Björn",
    "High-Resolution Image Synthesis with Latent Diffusion Models",
    2022,
    "2112.10752",
)
_SDXL = Work(
    "podell2023",
    "Podell, Dustin and English, Zion and Lacey, Kyle and Blattmann, Andreas and Dockhorn, Tim and Müller, "
    "Jonas and Penna, Joe and Rombach, Robin",
    "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis",
    2023,
    "2307.01952",
)
_TURBO = Work(
    "sauer2023",
    "Sauer, Axel and Lorenz, Dominik and Blattmann, Andreas and Rombach, Robin",
    "Adversarial Diffusion Distillation",
    2023,
    "2311.17042",
)
PIPELINES = (
    Checkpoint(
        "CompVis/stable-diffusion-v1-4",
        "CompVis/stable-diffusion-v1-4",
        4_270_000_000,
        "CreativeML OpenRAIL-M",
        works=(_STABLE_DIFFUSION,),
    ),
    Checkpoint(
        "stabilityai/stable-diffusion-xl-base-1.0",
        "stabilityai/stable-diffusion-xl-base-1.0",
        13_880_000_000,
        "CreativeML OpenRAIL++-M",
        works=(_SDXL,),
    ),
    Checkpoint(
        "stabilityai/sdxl-turbo",
        "stabilityai/sdxl-turbo",
        13_880_000_000,
        "sai-nc-community",
        works=(_SDXL, _TURBO),
    ),
)
"""Pipelines of the hub whose size (their float32 weights in safetensors) and licence are known."""


def is_repository(name: str) -> bool:
    """Whether a name may be one of the hub, OWNER/NAME, and is not a path."""
    return name.count("/") == 1 and not name.startswith((".", "~", "/"))


def trained_name(name: str) -> str:
    """What a pipeline's name says without the untrained network that it may ask for, as `NAME:fresh` does."""
    return name if home_path(name).is_dir() else name.partition(":")[0]


def pipeline(name: str, variant: str | None = None) -> Checkpoint:
    """The pipeline of a name of the hub, with what is known of it.

    variant: of the weights' files, such as `fp16`, whose size is not known.
    """
    known = next((known for known in PIPELINES if known.name == name), Checkpoint(name, name))
    return replace(known, size=None if variant else known.size, files=f"{CONFIGS} {_networks(variant)}")


def _networks(variant: str | None) -> str:
    """What `hf download` fetches the safetensors of a pipeline's networks by, which lie in folders.

    A variant stands between dots; plain files have no dot but that of their ending.
    """
    if variant is None:
        return "--include '*/*.safetensors' --exclude '*.*.safetensors'"
    return f"--include {quote(f'*/*.{variant}*.safetensors')}"


def lacking(name: str, where: str | Path, command: str, size: int | None = None, licence: str = "") -> str:
    """The line about weights that are not here: where they were looked for, what they are, what fetches them.

    command: empty where nothing fetches them. size: in bytes.
    """
    if not command:
        return f"{name} is not here (looked for at {where}): put it there"
    about = ", ".join(part for part in (readable(size) if size else "", licence) if part)
    return f"{name} is not here (looked for at {where}): fetch it{f' ({about})' * bool(about)} by `{command}`"


def readable(size: int) -> str:
    """Bytes for reading, such as `1.4 GB` (decimal units)."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
