"""Labels that the user brings: masks and maps by image, fitted to the pictures, or refused by name."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from underpainting.errors import UnderpaintingError
from underpainting.study.labels import choose_properties
from underpainting.study.request.brought import keep_brought, open_brought
from underpainting.vocabulary import Property

IMAGE = "prompt_0_seed_7"
DEPTH = np.arange(16, dtype=np.float64).reshape(4, 4) * 1000
MASK = DEPTH > 7000


def put(folder: Path, name: str, values: np.ndarray, suffix: str, image: str = IMAGE) -> Path:
    """A label as people have it."""
    path = folder / name / f"{image}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize(
    ("values", "suffix"),
    [
        (MASK, ".npy"),
        (MASK, ".png"),
        ((MASK * 255).astype(np.uint8), ".png"),
        (MASK.astype(np.uint8), ".png"),
        (np.where(MASK, 65535, 300).astype(np.uint16), ".png"),
        (MASK.astype(np.uint8), ".npy"),
        (MASK.astype(np.float64), ".npy"),
        (np.dstack([np.full((4, 4, 3), 255, np.uint8), MASK * np.uint8(255)]), ".png"),
        (np.stack([(MASK * 255).astype(np.uint8)] * 3, axis=-1), ".png"),
    ],
)
def test_masks_are_binary_properties(values: np.ndarray, suffix: str, tmp_path: Path) -> None:
    put(tmp_path, "saliency", values, suffix)
    labels = open_brought(tmp_path)
    assert labels.properties == (Property("saliency", True),)
    maps = labels.maps([IMAGE], (4, 4))["saliency"]
    assert maps.dtype == torch.float32 and maps.shape == (1, 4, 4)
    assert torch.equal(maps[0], torch.from_numpy(MASK).float())


def test_a_mask_of_labels_is_read_as_masks_are_everywhere(tmp_path: Path) -> None:
    ones = np.ones((4, 4), dtype=np.uint8)
    for levels, share in ((0, 0.0), (255, 1.0)):
        put(tmp_path, "saliency", ones * levels, ".png")
        assert open_brought(tmp_path).maps([IMAGE], (4, 4))["saliency"].mean() == share
    put(tmp_path, "saliency", ones, ".png")
    with pytest.raises(UnderpaintingError, match=r"\.png is all of one colour; make white"):
        open_brought(tmp_path)
    put(tmp_path, "saliency", np.kron(np.arange(3), np.ones((3, 3))).astype(np.uint8), ".png")
    with pytest.raises(UnderpaintingError, match=r"\.png has areas of more than two levels"):
        open_brought(tmp_path)


@pytest.mark.parametrize(
    ("values", "suffix"),
    [
        (DEPTH, ".npy"),
        (DEPTH.astype(np.float16), ".npy"),
        (DEPTH.astype(np.int32), ".npy"),
        (DEPTH.astype(np.uint16), ".png"),
    ],
)
def test_numbers_are_continuous_properties_in_their_own_units(
    values: np.ndarray, suffix: str, tmp_path: Path
) -> None:
    put(tmp_path, "depth", values, suffix)
    labels = open_brought(tmp_path)
    assert labels.properties == (Property("depth", False),)
    torch.testing.assert_close(labels.maps([IMAGE], (4, 4))["depth"][0], torch.from_numpy(DEPTH).float())


def test_maps_of_another_size_are_fitted_to_the_pictures(tmp_path: Path) -> None:
    put(tmp_path, "saliency", MASK, ".npy")
    put(tmp_path, "depth", DEPTH, ".npy")
    labels = open_brought(tmp_path)
    large, small = labels.maps([IMAGE], (8, 8)), labels.maps([IMAGE], (2, 2))
    assert torch.equal(large["saliency"][0], torch.from_numpy(np.kron(MASK, np.ones((2, 2)))).float())
    assert set(small["saliency"].unique().tolist()) <= {0.0, 1.0}
    slope = large["depth"][0]
    assert bool((slope.diff(dim=1) >= 0).all()) and bool((slope.diff(dim=0) >= 0).all())
    torch.testing.assert_close(small["depth"].mean(), large["depth"].mean())
    assert bool((small["depth"].flatten().diff() > 0).all())


def test_pictures_come_in_the_order_asked_for_and_properties_as_wanted(tmp_path: Path) -> None:
    images = [f"prompt_{i}_seed_7" for i in range(3)]
    arrays = {
        "depth": {image: np.full((4, 4), float(i)) for i, image in enumerate(images)},
        "saliency": {image: torch.eye(4) > i for i, image in enumerate(images)},
    }
    keep_brought(tmp_path, arrays)
    labels = open_brought(tmp_path)
    assert labels.maps(images[::-1], (4, 4))["depth"].amax((1, 2)).tolist() == [2, 1, 0]
    assert torch.equal(labels.maps(images, (4, 4))["saliency"][0], torch.eye(4))
    labels.require(images)
    assert choose_properties(labels, ["saliency"]) == (Property("saliency", True),)
    assert [of.name for of in choose_properties(labels, [])] == ["depth", "saliency"]
    with pytest.raises(UnderpaintingError, match="no labels of 'deph'; nearest is depth"):
        choose_properties(labels, ["deph"])


def test_an_image_without_a_map_is_named(tmp_path: Path) -> None:
    put(tmp_path, "saliency", MASK, ".png")
    labels = open_brought(tmp_path)
    message = r"no label saliency of prompt_1_seed_7: put prompt_1_seed_7\.png or .*\.npy into .*saliency"
    with pytest.raises(UnderpaintingError, match=message):
        labels.require([IMAGE, "prompt_1_seed_7"])
    with pytest.raises(UnderpaintingError, match=message):
        labels.maps(["prompt_1_seed_7"], (4, 4))


def test_maps_of_two_kinds_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "depth", DEPTH, ".npy")
    other = put(tmp_path, "depth", MASK, ".png", "prompt_1_seed_7")
    with pytest.raises(UnderpaintingError, match=f"{other.name} is a mask, other maps of depth are not"):
        open_brought(tmp_path).maps([IMAGE, "prompt_1_seed_7"], (4, 4))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((4, 4, 3)), r"is float64 \[4, 4, 3\]; a label is one finite map"),
        (np.full((4, 4), np.nan), "one finite map"),
        (np.zeros((4, 4), dtype=complex), "is complex128"),
        (np.array([["a"]]), "one finite map"),
    ],
)
def test_what_is_no_map_is_refused(values: np.ndarray, message: str, tmp_path: Path) -> None:
    put(tmp_path, "depth", values, ".npy")
    with pytest.raises(UnderpaintingError, match=message):
        open_brought(tmp_path)


@pytest.mark.parametrize("name", ["x.npy", "x.png"])
@pytest.mark.parametrize("content", [b"", b"no label at all", b"PK\x03\x04 no archive", b"\x93NUMPY\x01"])
def test_a_file_that_cannot_be_read_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / name).write_bytes(content)
    with pytest.raises(UnderpaintingError, match=f"{name} cannot be read as a "):
        open_brought(tmp_path)


class Runs:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-4, 4), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (4, 4), }",
        "{'descr': '|V8', 'fortran_order': False, 'shape': (4, 4), }",
        "{'descr': 'x', 'fortran_order': False, 'shape': (4, 4), }",
        "(" * 5000,
        "{'descr'",
        "'" * 3,
    ],
)
def test_a_header_that_lies_is_one_line_and_no_memory(header: str, tmp_path: Path) -> None:
    text = header.encode() + b"\n"
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth" / "x.npy").write_bytes(
        b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text + b"\0" * 128
    )
    with pytest.raises(UnderpaintingError, match=r"x\.npy"):
        open_brought(tmp_path)


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps" / "depth").mkdir(parents=True)
    np.save(tmp_path / "maps" / "depth" / "x.npy", np.array([[Runs()]], dtype=object), allow_pickle=True)
    with pytest.raises(UnderpaintingError, match=r"x\.npy cannot be read as a label"):
        open_brought(tmp_path / "maps")
    assert not (tmp_path / "unpickled").exists()


def test_an_archive_of_arrays_is_no_map(tmp_path: Path) -> None:
    (tmp_path / "depth").mkdir()
    with (tmp_path / "depth" / "x.npy").open("wb") as file:
        np.savez(file, depth=DEPTH)
    with pytest.raises(UnderpaintingError, match=r"x\.npy"):
        open_brought(tmp_path)


def test_a_folder_without_labels_says_what_it_should_hold(tmp_path: Path) -> None:
    (tmp_path / "saliency").mkdir()
    (tmp_path / "saliency" / "notes.txt").write_text("later")
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UnderpaintingError, match=r"no labels in .*FOLDER/PROPERTY/IMAGE\.png or \.npy"):
            open_brought(folder)


def test_the_fingerprint_is_of_every_map_and_of_nothing_else(tmp_path: Path) -> None:
    path = put(tmp_path, "saliency", MASK, ".npy")
    labels = open_brought(tmp_path)
    before = labels.fingerprint
    assert open_brought(tmp_path).fingerprint == before
    (tmp_path / "saliency" / ".cache").mkdir()
    (tmp_path / "saliency" / "a_folder.npy").mkdir()
    os.mkfifo(tmp_path / "saliency" / "a_pipe.npy")
    assert open_brought(tmp_path).fingerprint == labels.fingerprint == before
    np.save(path, ~MASK)
    changed = labels.fingerprint
    path.rename(path.with_name("prompt_1_seed_7.npy"))
    assert len({before, changed, labels.fingerprint}) == 3
