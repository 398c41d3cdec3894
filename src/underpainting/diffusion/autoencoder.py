"""Pictures to latents and back, by a pipeline's autoencoder and as the pipeline itself would."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

import torch

from underpainting.diffusion.packing import Packing
from underpainting.diffusion.stored import device_of
from underpainting.errors import UnderpaintingError, UnsoundPictures

DO = "load with torch_dtype=torch.float32"


@dataclass(frozen=True, eq=False)
class LatentsMap:
    """Between the latents that a denoiser works on and those of the autoencoder, which are
    spread * latents / scale + shift.

    spread, shift: None where there is none; a number, or [1, channel, p, p], which is repeated over the grid.
    """

    scale: float = 1.0
    spread: torch.Tensor | None = None
    shift: torch.Tensor | float | None = None

    def to_autoencoder(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [picture, channel, h, w] as the autoencoder decodes them, in a pipeline's own order."""
        wide = (latents if self.spread is None else latents * _over(self.spread, latents)) / self.scale
        return wide if self.shift is None else wide + _over(self.shift, wide)

    def to_denoiser(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [picture, channel, h, w] as the autoencoder encodes them, scaled for the denoiser."""
        centred = latents if self.shift is None else latents - _over(self.shift, latents)
        scaled = centred * self.scale
        return scaled if self.spread is None else scaled / _over(self.spread, latents)


def latents_map(pipe: Any, packing: Packing | None) -> LatentsMap:
    """The map that a pipeline decodes with: of its autoencoder's scale, shift, means and standard deviations
    those that it reads, by channel or by number of a token of packed latents.
    """
    config, read = pipe.vae.config, _read_by(pipe.__class__)
    if packing is not None and "bn" in read and hasattr(pipe.vae, "bn"):
        norm, cell = pipe.vae.bn, (packing.patch, packing.patch)
        spread = torch.sqrt(norm.running_var + config.batch_norm_eps)
        means = packing.unpack(norm.running_mean.view(1, 1, -1), cell)
        return LatentsMap(1.0, packing.unpack(spread.view(1, 1, -1), cell), means)
    scale = getattr(config, "scaling_factor", None) or 1.0
    mean, spread = (_stated(config, name, read) for name in ("latents_mean", "latents_std"))
    if mean is not None and spread is not None:
        means, spreads = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, spread))
        return LatentsMap(scale, spreads, means)
    return LatentsMap(scale, shift=_stated(config, "shift_factor", read) or None)


def encode(pipe: Any, pictures: torch.Tensor, packing: Packing | None = None) -> torch.Tensor:
    """Clean latents for the denoiser, of pictures [picture, 3, height, width] in 0..1.

    They are the mean where the autoencoder gives a distribution. Raises UnderpaintingError where they are not
    finite.
    """
    with _precise(pipe) as vae:
        given = (pictures * 2 - 1).to(pipe._execution_device, vae.dtype)
        encoded = vae.encode(given[:, :, None] if _has_frames(vae) else given)
        clean = encoded.latent_dist.mean if hasattr(encoded, "latent_dist") else _latents(encoded)
        own = clean.select(2, 0) if _has_frames(vae) else clean
        latents = latents_map(pipe, packing).to_denoiser(own)
    if not bool(latents.isfinite().all()):
        raise UnderpaintingError(f"the autoencoder, in {vae.dtype}, encodes to non-finite latents: {DO}")
    return latents


def decode(pipe: Any, latents: torch.Tensor, packing: Packing | None = None) -> torch.Tensor:
    """Pictures [picture, 3, height, width] in 0..1, float32. Raises UnsoundPictures where they are not
    finite.
    """
    with _precise(pipe) as vae:
        given = latents_map(pipe, packing).to_autoencoder(latents.to(pipe._execution_device, vae.dtype))
        framed = given[:, :, None] if _has_frames(vae) else given
        decoded = vae.decode(framed, return_dict=False)[0]
        decoded = decoded.select(2, 0) if _has_frames(vae) else decoded
    return _finite("the picture is decoded to", (decoded * 0.5 + 0.5).clamp(0, 1).float())


def decoder_channels(pipe: Any) -> int | None:
    """Channels of the decoder's one self-attention layer, in its middle block; None where it has none."""
    middle = getattr(getattr(pipe.vae, "decoder", None), "mid_block", None)
    attentions = getattr(middle, "attentions", None) or ()
    attending = next((part for part in attentions if hasattr(part, "to_out")), None)
    return None if attending is None else int(attending.to_out[0].out_features)


def decoder_tokens(pipe: Any, latents: torch.Tensor, packing: Packing | None = None) -> torch.Tensor:
    """Output [picture, token, channel] of that layer's `to_out.0`, on the latents' own grid, float32.

    Raises UnsoundPictures where it is not finite.
    """
    seen: list[torch.Tensor] = []
    before = ["post_quant_conv"] if pipe.vae.post_quant_conv is not None else []
    with _precise(pipe, *before, "decoder.conv_in", "decoder.mid_block") as vae:
        middle = vae.decoder.mid_block
        first = vae.decoder.conv_in  # the search for the pipeline's own device would take as long
        placed = latents.to(device_of(pipe, first), first.weight.dtype)
        given = latents_map(pipe, packing).to_autoencoder(placed)
        hook = middle.attentions[0].to_out[0].register_forward_hook(lambda module, x, out: seen.append(out))
        try:
            x = first(given if vae.post_quant_conv is None else vae.post_quant_conv(given))
            middle.attentions[0](middle.resnets[0](x, None))
        finally:
            hook.remove()
    return _finite("the decoder's attention gives", seen[0].float())


@contextmanager
def _precise(pipe: Any, *used: str) -> Iterator[Any]:
    """The autoencoder, in float32 where its weights are float16, it asks for that, and the pipeline heeds.

    used: the parts of it that are run, by path; all of it where none is named.
    """
    vae = pipe.vae
    parts = [vae.get_submodule(path) for path in used] or [vae]
    asked = _stated(vae.config, "force_upcast", _read_by(pipe.__class__))
    upcast = bool(asked) and vae.dtype == torch.float16
    for part in parts if upcast else ():
        part.to(torch.float32)
    try:
        yield vae
    finally:
        for part in parts if upcast else ():
            part.to(torch.float16)


def _finite(what: str, values: torch.Tensor) -> torch.Tensor:
    sound = values.flatten(1).sum(1).isfinite().tolist()
    if not all(sound):
        reason = f"{what} non-finite values: {DO}"
        raise UnsoundPictures({i: reason for i, good in enumerate(sound) if not good})
    return values


def _over(values: torch.Tensor | float, latents: torch.Tensor) -> torch.Tensor | float:
    """A number, or numbers [1, channel, p, p] repeated over the grid of latents."""
    if not isinstance(values, torch.Tensor):
        return values
    height, width = values.shape[2:]
    return values.to(latents).repeat(1, 1, latents.shape[2] // height, latents.shape[3] // width)


def _latents(encoded: Any) -> torch.Tensor:
    """Of an autoencoder that gives no distribution."""
    latents: torch.Tensor = encoded.latents if hasattr(encoded, "latents") else encoded.latent
    return latents


def _has_frames(vae: Any) -> bool:
    """Whether it is an autoencoder of videos, of which a picture is one frame."""
    return "temperal_downsample" in vae.config


def _stated(config: Any, name: str, read: frozenset[str]) -> Any:
    """A setting of an autoencoder, where it has it and the pipeline reads it; else None."""
    return getattr(config, name, None) if name in read else None


@cache
def _read_by(kind: Any) -> frozenset[str]:
    """Every name and word in a pipeline's own methods: a setting that is not among them has no effect on it.

    Two pipelines may decode by the same autoencoder in different ways, for each knows the settings of its
    family.
    """
    methods = [inspect.unwrap(value) for of in kind.__mro__ for value in vars(of).values() if callable(value)]
    return frozenset().union(*(_words(method.__code__) for method in methods if inspect.isfunction(method)))


def _words(code: CodeType) -> set[str]:
    words = {*code.co_names, *(of for of in code.co_consts if isinstance(of, str))}
    return words.union(*(_words(inner) for inner in code.co_consts if isinstance(inner, CodeType)))
