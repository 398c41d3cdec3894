"""Pictures of every kind of pixels, written here, against arithmetic on their arrays; and what is refused."""

import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from underpainting.errors import UnderpaintingError
from underpainting.records.pictures import fit_picture, read_frame, read_pixels

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (12, 16), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (12, 16), dtype=np.uint16)
SHARE = RNG.random((12, 16), dtype=np.float32)
OPACITY = RNG.integers(0, 256, (12, 16), dtype=np.uint8)
FEW = GREY % 4
PALETTE = np.array([[250, 10, 20], [30, 240, 50], [60, 70, 230], [200, 200, 0]], dtype=np.uint8)


def on_white(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    share = opacity[..., None].astype(float) / 255
    return np.rint(colours * share + 255 * (1 - share))


def grey(levels: np.ndarray) -> np.ndarray:
    return np.stack([levels] * 3, axis=-1)


def with_palette() -> Image.Image:
    image = Image.fromarray(FEW, mode="P")
    image.putpalette(PALETTE.tobytes())
    return image


def with_alpha(colours: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([colours, OPACITY]))


WRITERS: dict[str, tuple[str, Callable[[Path], None], np.ndarray]] = {
    "bits": ("png", lambda at: Image.fromarray(GREY > 127).save(at), grey((GREY > 127) * 255)),
    "grey": ("png", lambda at: Image.fromarray(GREY).save(at), grey(GREY)),
    "grey with alpha": ("png", lambda at: with_alpha(GREY).save(at), on_white(grey(GREY), OPACITY)),
    "grey, one level transparent": (
        "png",
        lambda at: Image.fromarray(GREY).save(at, transparency=int(GREY[0, 0])),
        grey(np.where(GREY[0, 0] == GREY, 255, GREY)),
    ),
    "colours": ("png", lambda at: Image.fromarray(COLOURS).save(at), COLOURS),
    "colours with alpha": ("png", lambda at: with_alpha(COLOURS).save(at), on_white(COLOURS, OPACITY)),
    "colours with alpha, WEBP": (
        "webp",
        lambda at: with_alpha(COLOURS).save(at, lossless=True, exact=True),
        on_white(COLOURS, OPACITY),
    ),
    "palette": ("png", lambda at: with_palette().save(at), PALETTE[FEW]),
    "palette, one colour transparent": (
        "png",
        lambda at: with_palette().save(at, transparency=2),
        np.where(FEW[..., None] == 2, 255, PALETTE[FEW]),
    ),
    "palette, opacity by colour": (
        "png",
        lambda at: with_palette().save(at, transparency=bytes([255, 128, 64, 0])),
        on_white(PALETTE[FEW], np.array([255, 128, 64, 0])[FEW]),
    ),
    "GIF of one frame": ("gif", lambda at: with_palette().save(at), PALETTE[FEW]),
    "16 bits": ("png", lambda at: Image.fromarray(DEEP).save(at), grey(np.rint(DEEP / 257))),
    "16 bits, TIFF": ("tif", lambda at: Image.fromarray(DEEP).save(at), grey(np.rint(DEEP / 257))),
    "16 bits, the other byte order": (
        "tif",
        lambda at: Image.fromarray(DEEP.astype(">u2")).save(at),
        grey(np.rint(DEEP / 257)),
    ),
    "16 bits, PGM": ("pgm", lambda at: Image.fromarray(DEEP).save(at), grey(np.rint(DEEP / 257))),
    "floating point": ("tif", lambda at: Image.fromarray(SHARE).save(at), grey(np.rint(SHARE * 255))),
    "cyan, magenta, yellow, black": (
        "tif",
        lambda at: Image.fromarray(np.dstack([COLOURS, OPACITY]), mode="CMYK").save(at),
        (255.0 - COLOURS) * (255.0 - OPACITY[..., None]) / 255,
    ),
    "luma and chroma": (
        "tif",
        lambda at: Image.fromarray(COLOURS, mode="YCbCr").save(at),
        (COLOURS.astype(float) - [0, 128, 128])
        @ np.array([[1, 1, 1], [0, -0.344136, 1.772], [1.402, -0.714136, 0]]),
    ),
}


@pytest.mark.filterwarnings("ignore:.*mode.*:DeprecationWarning")
@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_pixels_is_its_picture(kind: str, tmp_path: Path) -> None:
    suffix, write, expected = WRITERS[kind]
    write(tmp_path / f"picture.{suffix}")
    frame = read_frame(tmp_path / f"picture.{suffix}")
    assert frame.dtype == torch.uint8 and frame.shape == (12, 16, 3)
    assert np.abs(frame.numpy() - np.clip(expected, 0, 255)).max() <= 1
    assert torch.equal((fit_picture(frame, (12, 16)) * 255).round().byte(), frame.permute(2, 0, 1))


def test_ramps_of_16_bits_and_of_floating_point_keep_their_mean(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(0, 256, 2), (128, 1))
    Image.fromarray((ramp * 257).astype(np.uint16)).save(tmp_path / "grey16.png")
    Image.fromarray((ramp / 255).astype(np.float32)).save(tmp_path / "float.tif")
    for name in ("grey16.png", "float.tif"):
        frame = read_frame(tmp_path / name)
        assert frame.float().mean() == 127 and len(frame.unique()) == 128


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_turns_by_exif_are_followed(turn: int, suffix: str, tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(16), 10 * np.arange(24)).astype(np.uint8)
    turned = {
        1: smooth,
        2: smooth[:, ::-1],
        3: smooth[::-1, ::-1],
        4: smooth[::-1],
        5: smooth.T,
        6: np.rot90(smooth, -1),
        7: smooth[::-1, ::-1].T,
        8: np.rot90(smooth),
    }[turn]
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(smooth).save(tmp_path / f"turned.{suffix}", exif=exif, quality=100)
    frame = read_frame(tmp_path / f"turned.{suffix}").numpy()
    assert frame.shape[:2] == turned.shape and np.abs(frame[..., 0].astype(int) - turned).max() < 4


def test_of_a_cameras_several_pictures_the_first_is_the_picture(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8))
    first.save(tmp_path / "camera.jpg", format="MPO", save_all=True, append_images=[second], quality=100)
    assert read_frame(tmp_path / "camera.jpg")[0, 0, 0] > 250


def test_a_name_does_not_decide_what_a_file_holds(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "photo.jpg", format="PNG")
    assert np.array_equal(read_frame(tmp_path / "photo.jpg").numpy(), COLOURS)


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 1), (7, 3)])
def test_pictures_of_any_shape_are_fitted(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size, (51, 102, 153)).save(tmp_path / "shape.png")
    picture = fit_picture(read_frame(tmp_path / "shape.png"), (32, 16))
    assert picture.shape == (3, 32, 16)
    assert torch.allclose(picture[:, 0, 0] * 255, torch.tensor([51.0, 102.0, 153.0]))


def png(width: int, height: int, data: bytes = b"", *chunks: tuple[bytes, bytes], depth: int = 8) -> bytes:
    """A grey PNG of a size that its header states, whatever it holds."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    body = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in body)


def saved(image: Image.Image, suffix: str, **options: object) -> Callable[[Path], None]:
    return lambda at: image.save(at.with_suffix(f".{suffix}"), **options)


def bytes_of(content: bytes, suffix: str = "png") -> Callable[[Path], None]:
    def write(at: Path) -> None:
        at.with_suffix(f".{suffix}").write_bytes(content)

    return write


def cut(suffix: str) -> Callable[[Path], None]:
    """A file that ends in the middle."""

    def write(at: Path) -> None:
        whole = at.with_suffix(f".{suffix}")
        Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(whole)
        whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    return write


FRAMES = [Image.new("L", (8, 8), level) for level in (0, 90, 200)]
MANY = {"save_all": True, "append_images": FRAMES[1:]}
RANGE = "holds numbers from {} to {}, of which none is known to be white"
REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "floating point beyond 1": (saved(Image.fromarray(SHARE * 0 + 7), "tif"), RANGE.format(7, 7)),
    "floating point below 0": (saved(Image.fromarray(SHARE * 0 - 1), "tif"), RANGE.format(-1, -1)),
    "HDR, in one channel": (saved(Image.fromarray(GREY * np.float32(3.5)), "tif"), "holds numbers from"),
    "not finite": (saved(Image.fromarray(SHARE * np.float32(np.nan)), "tif"), "numbers that are not finite"),
    "infinite": (saved(Image.fromarray(SHARE * np.float32(np.inf)), "tif"), "numbers that are not finite"),
    "32 bits": (saved(Image.fromarray(DEEP.astype(np.int32)), "tif"), "holds numbers from"),
    "16 bits, white as 0": (saved(Image.fromarray(DEEP), "tif", tiffinfo={262: 0}), "has 0 as white"),
    "16 bits, one level transparent": (saved(Image.fromarray(DEEP), "png", transparency=7), "transparent;"),
    "an animated GIF": (saved(FRAMES[0], "gif", **MANY), "holds several pictures"),
    "an animated PNG": (saved(FRAMES[0], "png", **MANY), "holds several pictures"),
    "an animated WEBP": (saved(FRAMES[0], "webp", **MANY), "holds several pictures"),
    "pages": (saved(FRAMES[0], "tif", **MANY), "holds several pictures"),
    "60,000 x 60,000 pixels": (bytes_of(png(60_000, 60_000)), "more than 178 million pixels"),
    "the largest header": (bytes_of(png(2**31 - 1, 2**31 - 1)), "more than 178 million pixels"),
    "13,000 x 13,000 that are not there": (bytes_of(png(13_000, 13_000)), "cannot be read as a picture"),
    "no width": (bytes_of(png(0, 8)), "it is no picture"),
    "no height": (bytes_of(png(8, 0)), "it is no picture"),
    "a broken depth": (bytes_of(png(8, 8, depth=3)), "it is no picture"),
    "a bomb of text": (
        bytes_of(png(8, 8, b"\0" * 72, (b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 2**27)))),
        "cannot be read as a picture",
    ),
    "empty": (bytes_of(b""), "it is no picture"),
    "words": (bytes_of(b"no picture"), "it is no picture"),
    "an array": (bytes_of(b"\x93NUMPY\x01\x00"), "it is no picture"),
    "PostScript": (bytes_of(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"), "is no"),
    "a TIFF without a page": (bytes_of(b"II*\0\x08\0\0\0\0\0\0\0\0\0", "tif"), "cannot be read as a picture"),
    "a TIFF that points at itself": (bytes_of(b"II*\0\x08\0\0\0\0\0\x08\0\0\0", "tif"), "cannot be read"),
    "a header alone": (bytes_of(png(8, 8)[:33]), "cannot be read as a picture"),
    "a folder": (lambda at: at.with_suffix(".png").mkdir(), "Is a directory"),
    "a pipe": (lambda at: os.mkfifo(at.with_suffix(".png")), "it is no picture"),
    "nothing": (lambda at: None, "No such file"),
    **{f"a cut {suffix}": (cut(suffix), "cannot be read") for suffix in ("png", "jpg", "tif", "webp", "bmp")},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_picture_is_one_line_and_no_memory(kind: str, tmp_path: Path) -> None:
    write, message = REFUSED[kind]
    write(tmp_path / "made")
    path = next(iter(tmp_path.iterdir()), tmp_path / "made.png")
    tracemalloc.start()
    try:
        with pytest.raises(UnderpaintingError, match=message) as caught:
            read_frame(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_name_longer_than_files_have_is_one_line(tmp_path: Path) -> None:
    for name in ("a" * 300 + ".png", "a\0b.png"):
        with pytest.raises(UnderpaintingError, match="cannot be read as a picture"):
            read_frame(tmp_path / name)


def test_large_pictures_that_are_allowed_give_no_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(GREY[:, :10]).save(tmp_path / "large.png")
    assert read_pixels(tmp_path / "large.png").values.shape == (12, 10)
    assert not recwarn.list
