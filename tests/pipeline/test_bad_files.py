"""Files that are none of what they should be: one line each, whatever reads them."""

import hashlib
import io
import json
import os
import pickle
import shutil
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from underpainting import Captures, ProbeSet, UnderpaintingError, load_classifier, load_estimator
from underpainting.controls.network import load_reader
from underpainting.diffusion import load
from underpainting.errors import LINE
from underpainting.findings.growth import read_growth
from underpainting.intervention.kept import CARD, MAPS, read_kept
from underpainting.probes import load_sums
from underpainting.probes.published import import_published
from underpainting.records import SCORES, atomic_folder, read_table, sealing
from underpainting.study.kept.shards import read_part
from underpainting.study.request.brought import open_brought
from underpainting.study.request.config import read_config

Reader = Callable[[Path], Any]


def refused(act: Callable[[], Any]) -> str:
    """The one line with which something is refused."""
    with pytest.raises(UnderpaintingError) as caught:
        act()
    line = str(caught.value)
    assert line and len(line) <= LINE and line.isprintable() and "Traceback" not in line
    return line


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def tensors(**named: torch.Tensor) -> Callable[[Path], None]:
    return lambda path: save_file(named, path)


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


# What is read, by the file's name within a folder, and what reads it; what else lies there is sound.

PROBES = {
    "model": "tiny",
    "images": {},
    "steps": 1,
    "branches": ["conditional"],
    "properties": {"depth": {"best_layer": "a", "metric": "spearman", "best_layer_by_step": {"1": "a"}}},
    "layers": [{"name": "a", "grid": [2, 2], "channels": 3}],
    "probes": {"depth/a/1/conditional": {"strength": 1.0, "threshold": None}},
}
CAPTURE = {
    "model": {"name": "tiny"},
    "layers": [{"name": "a", "path": "up", "grid": [2, 2], "channels": 3}],
    "kept_steps": [1],
    "branches": ["conditional"],
    "dtype": "float16",
    "images": [{"prompt": "a mug", "seed": 1, "prompt_ind": 0}],
}
SOUND: dict[str, bytes] = {
    "card.json": json.dumps(PROBES).encode(),
    "capture.json": json.dumps(CAPTURE).encode(),
    "config.json": b'{"channels": [4, 4, 4, 4]}',
    "probes.safetensors": safetensors(
        b'{"depth/a/1/conditional":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', bytes(16)
    ),
    MAPS: safetensors(b"{}"),
    CARD: b"{}",
}
Kind = Mapping[str, tuple[str, Reader]]


def captures(at: Path) -> Captures:
    """Open a capture whose card is sealed as it is."""
    if (at / "capture.json").is_file():
        card = (at / "capture.json").read_bytes()
        with sealing(at / "capture.json") as temporary:
            temporary.write_bytes(card)
    return Captures(at)


def kept(at: Path) -> Any:
    """Read an intervention whose checksums are those of the files as they are."""
    study: Any = SimpleNamespace(owner="study of mine")
    folder = at / "kept"
    with atomic_folder(folder, study.owner) as temporary:
        for name in (CARD, MAPS):
            if (at / name).is_file():
                shutil.copy(at / name, temporary / name)
    return read_kept(folder, study)


JSON: Kind = {
    "configuration of an estimator": ("config.json", load_estimator),
    "configuration of a classifier": ("config.json", load_classifier),
    "card of probes": ("card.json", ProbeSet.load),
    "card of a capture": ("capture.json", captures),
    "index of a pipeline": ("model_index.json", load),
    "card of an intervention": (CARD, kept),
}
TENSORS: Kind = {
    "moments": ("x.safetensors", lambda at: load_sums(at / "x.safetensors")),
    "scores of a shard": ("x.safetensors", lambda at: read_part(at / "x.safetensors")),
    "reader of latents": ("x.safetensors", lambda at: load_reader(at / "x.safetensors")),
    "probes": ("probes.safetensors", ProbeSet.load),
    "weights of an estimator": ("model.safetensors", load_estimator),
    "activations": (
        "prompt_0_seed_1.safetensors",
        lambda at: captures(at).read("prompt_0_seed_1", "a", 1),
    ),
    "maps of an intervention": (MAPS, kept),
}
PROBE = "at_step_1/segmentation_probe_up_3_attn1_out_0.pth"


def vgg16(at: Path) -> Any:
    """Load a checkpoint under the name that its bytes ask for."""
    path = at / "vgg16.pth"
    named = at / f"vgg16-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    return load_classifier(path.rename(named))


PTH: Kind = {"published probe": (PROBE, import_published), "VGG-16": ("vgg16.pth", vgg16)}
NPY: Kind = {"label": ("depth/x.npy", open_brought)}
TOML: Kind = {"study.toml": ("study.toml", lambda at: read_config(at / "study.toml"))}
TABLE: Kind = {
    "table of scores": ("x.parquet", lambda at: read_table(at / "x.parquet", SCORES)),
    "table of mean scores": ("5.parquet", lambda at: read_growth(at, {"a": "b"}, {"a": "dice"}, "")),
}

NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \n\t ",
    "half an object": b'{"model": {"name": "ti',
    "two objects": b"{}{}",
    "a list": b"[1, 2]",
    "a number": b"7",
    "a text": b'"model"',
    "null": b"null",
    "a number that is none": b"NaN",
    "zeros": bytes(64),
    "bytes": bytes(range(256)),
    "UTF-16": "{}".encode("utf-16"),
    "Latin-1": '{"é": 1}'.encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "single quotes": b"{'a': 1}",
    "a comment": b"{} // sound",
    "100,000 brackets": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "TOML": b"[model]\nsteps = 3\n",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(40),
}
NO_TENSORS: dict[str, bytes] = {
    "nothing": b"",
    "seven bytes": bytes(7),
    "a header of nothing": safetensors(b""),
    "a header without end": b"\xff" * 8 + b"{}",
    "a header cut off": struct.pack("<Q", 100) + b'{"a":',
    "a header of no JSON": safetensors(b"[1, 2"),
    "a header of a list": safetensors(b"[]"),
    "a header of brackets": safetensors(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "a header of bytes": safetensors(b"\xff\xfe\xfd"),
    "a tensor past the end": safetensors(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'),
    "a tensor of another size": safetensors(
        b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,16]}}', bytes(16)
    ),
    "a tensor of a negative size": safetensors(
        b'{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}', bytes(16)
    ),
    "a tensor of 2 ** 80 numbers": safetensors(
        b'{"a":{"dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,16]}}', bytes(16)
    ),
    "a tensor of an unknown type": safetensors(
        b'{"a":{"dtype":"X7","shape":[4],"data_offsets":[0,16]}}', bytes(16)
    ),
    "tensors one over the other": safetensors(
        b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},'
        b'"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}',
        bytes(24),
    ),
    "bytes that no tensor has": safetensors(b"{}", bytes(9)),
    "a text": b"no tensors at all, but words " * 9,
    "a pickle": pickle.dumps({"a": 1}),
    "a zip": b"PK\x03\x04" + bytes(60),
}


class Code:
    """What would be run, were it read."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


def saved(state: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    torch.save(state, out, **options)
    return out.getvalue()


def dense(weight: Any) -> dict[str, Any]:
    return {"dense1.weight": weight}


WHOLE = saved(dense(torch.ones(2, 320)))
NO_CHECKPOINT: dict[str, bytes] = {
    "nothing": b"",
    "one byte": b"\x80",
    "zeros": bytes(99),
    "a text": b"no weights, but words " * 9,
    "half a file": WHOLE[: len(WHOLE) // 2],
    "a file without its end": WHOLE[:-9],
    "a file without its start": WHOLE[9:],
    "a zip of nothing": b"PK\x05\x06" + bytes(18),
    "a tar": b"storages" + bytes(249) + b"ustar" + bytes(250),
    "a pickle of numbers": pickle.dumps({"dense1.weight": [1.0]}),
    "a pickle of code": pickle.dumps(Code()),
    "code beside weights": saved({**dense(torch.ones(2, 320)), "more": Code()}),
    "a whole module": saved(torch.nn.Linear(320, 2)),
    "the old format, of code": saved({"a": Code()}, _use_new_zipfile_serialization=False),
    "the old format, cut off": saved(dense(torch.ones(2, 320)), _use_new_zipfile_serialization=False)[:-99],
    "a pickle without end": b"\x80\x02" + b"(" * 9_000,
    "a pickle of nothing": b"\x80\x02.",
    "a list": saved([torch.ones(2)]),
    "a tensor": saved(torch.ones(2, 320)),
    "a number": saved(3),
    "None": saved(None),
    "nothing by name": saved({}),
    "a dict of dicts": saved({"state_dict": dense(torch.ones(2, 320))}),
    "tensors by number": saved({1: torch.ones(2, 320)}),
    "numbers by name": saved({"dense1.weight": 1.0}),
    "None by name": saved({"dense1.weight": None}),
    "another name": saved({"dense2.weight": torch.ones(2, 320)}),
    "a bias too": saved({**dense(torch.ones(2, 320)), "dense1.bias": torch.ones(2)}),
    "another shape": saved(dense(torch.ones(2, 321))),
    "no shape": saved(dense(torch.tensor(1.0))),
    "no numbers": saved(dense(torch.ones(2, 0))),
    "infinity": saved(dense(torch.full((2, 320), torch.inf))),
    "no number": saved(dense(torch.full((2, 320), torch.nan))),
    "complex numbers": saved(dense(torch.ones(2, 320, dtype=torch.complex64))),
    "sparse": saved(dense(torch.eye(2, 320).to_sparse())),
    "quantised": saved(dense(torch.quantize_per_tensor(torch.ones(2, 320), 0.1, 0, torch.qint8))),
    "without numbers": saved(dense(torch.ones(2, 320, device="meta"))),
    "one number for 10 ** 15": saved(dense(torch.ones(1, 1).expand(10**7, 10**8))),
    "a nested tensor": saved(dense(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]))),
    "safetensors": safetensors(b"{}"),
}


def scripted() -> bytes:
    out = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(320, 2)), out)
    return out.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def npy_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(16)


NO_ARRAY: dict[str, bytes] = {
    "nothing": b"",
    "the start alone": b"\x93NUMPY",
    "another version": b"\x93NUMPY\x09\x00" + bytes(20),
    "a header cut off": b"\x93NUMPY\x01\x00\xff\xff{",
    "a header of no dict": npy_header("[1, 2]\n"),
    "a header of code": npy_header("__import__('os').mkdir('ran')\n"),
    "a header without shape": npy_header("{'descr': '<f4', 'fortran_order': False}\n"),
    "a header of brackets": npy_header("(" * 9_000 + "\n"),
    "an unknown type": npy_header("{'descr': '<q9', 'fortran_order': False, 'shape': (2, 2)}\n"),
    "a negative shape": npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 2)}\n"),
    "a shape of texts": npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': ('2', 2)}\n"),
    "2 ** 70 numbers": npy_header(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (34359738368, 34359738368)}\n"
    ),
    "more than the memory": npy_header(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1048576, 1048576)}\n"
    ),
    "more than the file": npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (20, 20)}\n"),
    "objects": npy(np.array([[Code()]], dtype=object), allow_pickle=True),
    "an archive": b"PK\x03\x04" + bytes(60),
    "texts": npy(np.array([["a"]])),
    "dates": npy(np.array([["2020-01-01"]], dtype="datetime64[D]")),
    "records": npy(np.zeros((2, 2), dtype=[("a", "f4")])),
    "complex numbers": npy(np.ones((2, 2), dtype=complex)),
    "one dimension": npy(np.ones(4)),
    "four dimensions": npy(np.ones((1, 1, 2, 2))),
    "infinity": npy(np.full((2, 2), np.inf)),
    "beyond float32": npy(np.full((2, 2), 1e300)),
    "no pixels": npy(np.ones((0, 4))),
}
NO_TOML: dict[str, bytes] = {
    "half a table": b"[model\n",
    "a key twice": b"[run]\nthreads = 1\nthreads = 2\n",
    "a table twice": b"[run]\n[run]\n",
    "bytes": bytes(range(256)),
    "zeros": bytes(64),
    "UTF-16": "[run]\n".encode("utf-16"),
    "JSON": b'{"run": {}}',
    "5,000 digits": b"[model]\nsteps = " + b"9" * 5_000,
    "5,000 hexadecimal digits": b"[model]\nsteps = 0x" + b"f" * 5_000,
    "a seed of 5,000 hexadecimal digits": b"[split]\nseed = 0x" + b"f" * 5_000,
    "100,000 brackets": b"[probes]\nstrengths = " + b"[" * 100_000 + b"]" * 100_000,
    "100,000 tables": b"a = " + b"{a = " * 100_000 + b"1" + b"}" * 100_000,
    "a date for a number": b"[model]\nsteps = 2020-01-01\n",
    "no number": b"[model]\nguidance_scale = nan\n",
    "a list of tables": b"[[model]]\nsteps = 3\n",
    "a table for a text": b"[model.name]\nx = 1\n",
    "a text for a table": b'model = "stilllife"\n',
    "too long": b"#" * 2_000_000,
    "a dotted key of nowhere": b"model.steps.more = 1\n",
    "a quoted key of nothing": b'"" = 1\n',
}


def parquet(path: Path, **columns: Any) -> bytes:
    pq.write_table(pa.table(columns), path)
    return path.read_bytes()


TABLES: dict[str, Callable[[Path], bytes]] = {
    "nothing": lambda at: b"",
    "the mark alone": lambda at: b"PAR1",
    "both marks": lambda at: b"PAR1" + bytes(4) + b"PAR1",
    "a footer without end": lambda at: b"PAR1" + b"\xff\xff\xff\x7f" + b"PAR1",
    "a text": lambda at: b"property,layer\n" * 9,
    "zeros": lambda at: bytes(99),
    "half a file": lambda at: parquet(at, a=[1] * 99)[:99],
    "no middle": lambda at: b"PAR1" + parquet(at, a=[1] * 99)[-99:],
    "an Arrow file": lambda at: b"ARROW1\0\0" + bytes(40),
    "other columns": lambda at: parquet(at, a=[1, 2]),
    "columns of other types": lambda at: parquet(
        at, **{name: [["x"]] for name in (*SCORES.names, "value_mean", "value_stddev", "value_count")}
    ),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of what is sound, which is also the current one."""
    monkeypatch.chdir(tmp_path)
    for name, content in SOUND.items():
        put(tmp_path, name, content)
    return tmp_path


def rows(kinds: Kind, contents: Mapping[str, Any]) -> pytest.MarkDecorator:
    """Every reader of a kind with every content."""
    cases = [
        pytest.param(*where, content, id=f"{what}: {name}")
        for what, where in kinds.items()
        for name, content in contents.items()
    ]
    return pytest.mark.parametrize(("name", "reader", "content"), cases)


def check(home: Path, name: str, reader: Reader, content: bytes) -> None:
    path = put(home, name, content)
    line = refused(lambda: reader(home))
    assert path.stem in line or home.name in line
    assert not (home / "ran").exists()


@rows(JSON, NO_JSON)
def test_no_json(name: str, reader: Reader, content: bytes, home: Path) -> None:
    check(home, name, reader, content)


@rows(TENSORS, NO_TENSORS)
def test_no_tensors(name: str, reader: Reader, content: bytes, home: Path) -> None:
    check(home, name, reader, content)


@rows(PTH, NO_CHECKPOINT | {"TorchScript": scripted()})
def test_no_checkpoint(name: str, reader: Reader, content: bytes, home: Path) -> None:
    check(home, name, reader, content)


@rows(NPY, NO_ARRAY)
def test_no_array(name: str, reader: Reader, content: bytes, home: Path) -> None:
    check(home, name, reader, content)


@rows(TOML, NO_TOML)
def test_no_toml(name: str, reader: Reader, content: bytes, home: Path) -> None:
    check(home, name, reader, content)


@rows(TABLE, TABLES)
def test_no_table(name: str, reader: Reader, content: Callable[[Path], bytes], home: Path) -> None:
    check(home, name, reader, content(home / "made"))


# What is at a path may be no file at all.


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    here = socket.socket(socket.AF_UNIX)
    os.chdir(path.parent)  # a socket's path is short
    here.bind(path.name)
    here.close()


NO_FILES: dict[str, Callable[[Path], Any]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": fifo,
    "a socket": listening,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "an empty device": lambda path: path.symlink_to("/dev/null"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "not there": lambda path: None,
}
READERS = {**JSON, **TENSORS, "published probe": PTH["published probe"], **NPY, **TOML, **TABLE}


@rows(READERS, NO_FILES)
def test_no_file(name: str, reader: Reader, content: Callable[[Path], Any], home: Path) -> None:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    content(path)
    refused(lambda: reader(home))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@rows(READERS, {"no permission": None})
def test_no_permission(name: str, reader: Reader, content: None, home: Path) -> None:
    put(home, name, b"{}").chmod(0)
    refused(lambda: reader(home))
