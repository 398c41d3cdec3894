"""Pictures to latents and back, by a pipeline's autoencoder and as the pipeline itself would."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

import torch

from underpainting.diffusion.stored import device_of
from underpainting.errors import UnderpaintingError, UnsoundPictures

DO = "load with torch_dtype=torch.float32"


@dataclass(frozen=True, eq=False)
class LatentsMap:
    """Between the latents that a denoiser works on and those of the autoencoder, which are
    spread * latents / scale + shift.

    spread, shift: None where there is none; a number, or [1, channel, 1, 1].
    """

    scale: float
    spread: torch.Tensor | None = None
    shift: torch.Tensor | float | None = None

    def to_autoencoder(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [picture, channel, h, w] as the autoencoder decodes them, in a pipeline's own order."""
        wide = (latents if self.spread is None else latents * self.spread.to(latents)) / self.scale
        return wide if self.shift is None else wide + _as(self.shift, wide)

    def to_denoiser(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [picture, channel, h, w] as the autoencoder encodes them, scaled for the denoiser."""
        centred = latents if self.shift is None else latents - _as(self.shift, latents)
        scaled = centred * self.scale
        return scaled if self.spread is None else scaled / self.spread.to(latents)


def latents_map(pipe: Any) -> LatentsMap:
    """The map that a pipeline decodes with: of its autoencoder's scale, shift, means and standard deviations
    those that it reads.
    """
    config, read = pipe.vae.config, _read_by(pipe.__class__)
    mean, spread = (_stated(config, name, read) for name in ("latents_mean", "latents_std"))
    if mean is not None and spread is not None:
        means, spreads = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, spread))
        return LatentsMap(config.scaling_factor, spreads, means)
    return LatentsMap(config.scaling_factor, shift=_stated(config, "shift_factor", read) or None)


def encode(pipe: Any, pictures: torch.Tensor) -> torch.Tensor:
    """Clean latents for the denoiser, of pictures [picture, 3, height, width] in 0..1.

    They are the mean where the autoencoder gives a distribution. Raises UnderpaintingError where they are not
    finite.
    """
    with _precise(pipe) as vae:
        encoded = vae.encode((pictures * 2 - 1).to(pipe._execution_device, vae.dtype))
        clean = encoded.latent_dist.mean if hasattr(encoded, "latent_dist") else encoded.latents
        latents = latents_map(pipe).to_denoiser(clean)
    if not bool(latents.isfinite().all()):
        raise UnderpaintingError(f"the autoencoder, in {vae.dtype}, encodes to non-finite latents: {DO}")
    return latents


def decode(pipe: Any, latents: torch.Tensor) -> torch.Tensor:
    """Pictures [picture, 3, height, width] in 0..1, float32. Raises UnsoundPictures where they are not
    finite.
    """
    with _precise(pipe) as vae:
        given = latents_map(pipe).to_autoencoder(latents.to(pipe._execution_device, vae.dtype))
        decoded = vae.decode(given, return_dict=False)[0]
    return _finite("the picture is decoded to", (decoded * 0.5 + 0.5).clamp(0, 1).float())


def decoder_channels(pipe: Any) -> int | None:
    """Channels of the decoder's one self-attention layer, in its middle block; None where it has none."""
    middle = getattr(getattr(pipe.vae, "decoder", None), "mid_block", None)
    attentions = getattr(middle, "attentions", None) or ()
    attends = any(hasattr(part, "to_out") for part in attentions)
    return int(pipe.vae.config.block_out_channels[-1]) if attends else None


def decoder_tokens(pipe: Any, latents: torch.Tensor) -> torch.Tensor:
    """Output [picture, token, channel] of that layer's `to_out.0`, on the latents' own grid, float32.

    Raises UnsoundPictures where it is not finite.
    """
    seen: list[torch.Tensor] = []
    before = ["post_quant_conv"] if pipe.vae.post_quant_conv is not None else []
    with _precise(pipe, *before, "decoder.conv_in", "decoder.mid_block") as vae:
        middle = vae.decoder.mid_block
        first = vae.decoder.conv_in  # the search for the pipeline's own device would take as long
        given = latents_map(pipe).to_autoencoder(latents.to(device_of(pipe, first), first.weight.dtype))
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


def _as(shift: torch.Tensor | float, latents: torch.Tensor) -> torch.Tensor | float:
    return shift.to(latents) if isinstance(shift, torch.Tensor) else shift


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
