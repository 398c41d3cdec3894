"""A diffusion model under study: its layers, its denoising looked on at, its decoder."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.clean import Still, noise_level
from underpainting.diffusion.layers import Layer, known_layers, output_shapes, resolve_layers
from underpainting.diffusion.watch import Edit, StepRecord, Stopped, Watch
from underpainting.errors import UnderpaintingError


@dataclass(frozen=True, eq=False)
class Denoised:
    """What a denoising left.

    latents [picture, channel, h, w]: after the last step, or after `stop_after`; `Model.decode` makes
    pictures. evaluations: how often the network was called (both branches of guidance are one call).
    """

    latents: torch.Tensor
    evaluations: int


class Model:
    """A diffusers pipeline with its adapter; made by `load` and `attach`.

    pipe: the diffusers pipeline itself. name: what it was loaded by. adapter: what is known of its family.
    size: (height, width) in pixels of the pictures that it makes when none is asked for.
    """

    def __init__(self, pipe: Any, adapter: Adapter, name: str, size: tuple[int, int] | None = None) -> None:
        """Keep the pipeline as it is; nothing is hooked until `denoise`. size: the family's if not given."""
        self.pipe = pipe
        self.adapter = adapter
        self.name = name
        self.size = size or adapter.default_size(pipe)
        self.own_scheduler = pipe.scheduler
        self._shapes: dict[tuple[int, int], dict[str, tuple[int, ...]]] = {}

    @property
    def scheduler_name(self) -> str:
        """Class name of the scheduler in use, such as `LMSDiscreteScheduler`."""
        return type(self.pipe.scheduler).__name__

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The self-attention layers in network order (down, mid, up), grids at the default size.

        Grids and channels come from a dry run of the denoiser's configuration on torch's meta device: shapes
        only, no weights, no arithmetic.
        """
        return known_layers(self.adapter, self.pipe, self._shapes_at(*self.size), self.size)

    def resolve(
        self, names: Sequence[str | Layer], *, height: int | None = None, width: int | None = None
    ) -> tuple[Layer, ...]:
        """Layers by short name, full path (with or without `.to_out.0`) or any other path in the denoiser.

        `"self-attention"` stands for all self-attention layers. `PATH@HEIGHTxWIDTHxCHANNELS` states any
        module's grid and channels, as is needed where the family is not known; what the module gives is held
        to it. Doubles are dropped, the order given is kept. Grids of others are those at `height` x `width`
        pixels (the default size if not given). Raises UnderpaintingError for an unknown name, with the
        nearest valid ones, and for a module whose output is no grid of tokens.
        """
        size = (height or self.size[0], width or self.size[1])
        known = self.layers
        if size != self.size:
            known = known_layers(self.adapter, self.pipe, self._shapes_at(*size), size)
        shapes = self._shapes_at(*size)
        layers = resolve_layers(names, known, shapes, size)
        unseen = [layer for layer in layers if layer.path not in shapes]
        modules = dict(self.adapter.denoiser(self.pipe).named_modules()) if unseen else {}
        for layer in unseen:
            if layer.path not in modules:
                raise UnderpaintingError(f"no module {layer.path} in the denoiser: give the path of one")
        return layers

    def denoise(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int = 15,
        guidance_scale: float = 7.5,
        watch: Sequence[str | Layer] = (),
        branches: Sequence[str] = ("conditional",),
        on_step: Callable[[StepRecord], None] | None = None,
        edit: Edit | None = None,
        stop_after: int | None = None,
        height: int | None = None,
        width: int | None = None,
        progress: bool = False,
        twins: Mapping[str, torch.nn.Module] | None = None,
        still: Still | None = None,
    ) -> Denoised:
        """Denoise one picture for each prompt and seed by the pipeline's own loop, looking on from outside.

        Each picture's noise comes from its own CPU generator seeded with its seed, so the latents are
        bit-equal to those of `pipe(prompts, generator=[...], output_type="latent")`.

        watch: layers as in `resolve`. branches: which halves of guidance `StepRecord.activations` keeps;
        without guidance (scale at most 1) there is only `conditional`. on_step: called before each scheduler
        step, once a network evaluation (a step may have several, see `StepRecord.first`). edit(layer name,
        step, activations [row, token, channel]) returns what the network goes on with, same shape, dtype and
        device; with guidance the rows are [unconditional, conditional], each in picture order; what is
        recorded is the edited output. stop_after: last step done, 1 to `steps`. height, width: pixels.
        progress: show diffusers' progress bar. twins: networks of the denoiser's shape, by name, that are
        shown all that it is shown, as controls (see `underpainting.diffusion.twins.twin_of`); what they say
        is only watched. still: a picture that every step sees noised to its level, see `look`.

        Raises UnderpaintingError for requests that cannot be met, and for a watched layer that is not called
        exactly once an evaluation, has another shape than its configuration says, or holds non-finite values.
        """
        size = (height or self.size[0], width or self.size[1])
        guided = self.adapter.guided(self.pipe, guidance_scale)
        _check_request(prompts, seeds, steps, branches, guided, stop_after, edit is not None and not watch)
        _check_size(size)
        if watch:
            _check_not_compiled(self.adapter.denoiser(self.pipe))
        layers = self.resolve(watch, height=size[0], width=size[1]) if watch else ()
        watching = Watch(
            self.pipe.scheduler,
            self.adapter.denoiser(self.pipe),
            layers,
            own=frozenset(layer.path for layer in self.layers) if watch else frozenset(),
            pictures=len(prompts),
            order=self.adapter.branches if guided else ("conditional",),
            branches=tuple(branches),
            steps=steps,
            on_step=on_step,
            edit=edit,
            stop_after=stop_after,
            still=still,
            twins=twins,
        )
        bar = dict(getattr(self.pipe, "_progress_bar_config", {}))
        self.pipe.set_progress_bar_config(**{**bar, "disable": not progress})
        try:
            with watching:
                latents = self.pipe(
                    list(prompts),
                    height=size[0],
                    width=size[1],
                    num_inference_steps=steps,
                    guidance_scale=guidance_scale,
                    generator=[torch.Generator("cpu").manual_seed(int(seed)) for seed in seeds],
                    latents=None if still is None else self._first(still, steps),
                    output_type="latent",
                    **self.adapter.call_options(self.pipe),
                ).images
        except Stopped as stopped:
            latents = stopped.latents
            self.pipe.maybe_free_model_hooks()
        except BaseException:
            self.pipe.maybe_free_model_hooks()
            raise
        finally:
            self.pipe.set_progress_bar_config(**bar)
        return Denoised(latents, watching.evaluations)

    def with_denoiser(self, denoiser: torch.nn.Module) -> "Model":
        """The same pipeline with another network of the denoiser's shape; this model is as it was."""
        return Model(self.adapter.with_denoiser(self.pipe, denoiser), self.adapter, self.name, self.size)

    def of_size(self, height: int | None, width: int | None) -> "Model":
        """The same pipeline making pictures of another size in pixels; this model is as it was.

        Raises UnderpaintingError where 8 does not divide it.
        """
        size = (height or self.size[0], width or self.size[1])
        _check_size(size)
        other = Model(self.pipe, self.adapter, self.name, size)
        other.own_scheduler = self.own_scheduler
        return other

    def look(
        self,
        pictures: torch.Tensor,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int = 15,
        guidance_scale: float = 7.5,
        watch: Sequence[str | Layer] = (),
        branches: Sequence[str] = ("conditional",),
        on_step: Callable[[StepRecord], None] | None = None,
        progress: bool = False,
    ) -> None:
        """Show given pictures to the network at every step's noise level; nothing is denoised.

        pictures [picture, 3, height, width] in 0..1: encoded, and at each step mixed with the same noise,
        drawn for each picture from its own CPU generator. What is recorded is what `denoise` records;
        `predicted_clean` is the network's guess of the picture. Other options and errors are those of
        `denoise`.
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3 or len(pictures) != len(prompts):
            raise UnderpaintingError(
                f"pictures are {list(pictures.shape)} for {len(prompts)} prompts: give [picture, 3, height, "
                "width], one a prompt"
            )
        clean = self.encode(pictures)
        noise = torch.stack(
            [torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(int(s))) for s in seeds]
        )
        self.denoise(
            prompts,
            seeds,
            steps=steps,
            guidance_scale=guidance_scale,
            watch=watch,
            branches=branches,
            on_step=on_step,
            height=pictures.shape[2],
            width=pictures.shape[3],
            progress=progress,
            still=Still(clean, noise.to(clean)),
        )

    def _first(self, still: Still, steps: int) -> torch.Tensor:
        """What the pipeline, which scales it, is to begin with so that it begins with the picture."""
        scheduler = self.pipe.scheduler
        scheduler.set_timesteps(steps)
        level = noise_level(scheduler, float(scheduler.timesteps[0]))
        return still.at(level) / float(scheduler.init_noise_sigma)

    @torch.no_grad()
    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Clean latents [picture, channel, h, w] of pictures [picture, 3, height, width] in 0..1."""
        return self.adapter.encode(self.pipe, pictures)

    @property
    def decoder_channels(self) -> int | None:
        """Channels of the latents' decoder's self-attention layer; None where it has none."""
        return self.adapter.decoder_channels(self.pipe)

    @torch.no_grad()
    def decoder_tokens(self, latents: torch.Tensor) -> torch.Tensor:
        """What that layer gives, [picture, token, channel] on the latents' grid, float32."""
        return self.adapter.decoder_tokens(self.pipe, latents)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pictures [picture, 3, height, width] in 0..1, float32, of latents [picture, channel, h, w]."""
        return self.adapter.decode(self.pipe, latents)

    def fingerprint(self) -> dict[str, str]:
        """SHA-256 of the weights (names, dtypes, shapes, bytes) of each network of the pipeline."""
        modules = {k: v for k, v in self.pipe.components.items() if isinstance(v, torch.nn.Module)}
        return {name: _sha256(module) for name, module in sorted(modules.items())}

    def _shapes_at(self, height: int, width: int) -> dict[str, tuple[int, ...]]:
        if (height, width) not in self._shapes:
            self._shapes[height, width] = output_shapes(self.adapter, self.pipe, (height, width))
        return self._shapes[height, width]


def _check_request(
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int,
    branches: Sequence[str],
    guided: bool,
    stop_after: int | None,
    edits_nothing: bool,
) -> None:
    if isinstance(prompts, str) or not prompts or len(prompts) != len(seeds):
        count = "one string" if isinstance(prompts, str) else f"{len(prompts)} prompts"
        raise UnderpaintingError(
            f"{count} and {len(seeds)} seeds: give a list of prompts and a seed for each"
        )
    if steps < 1:
        raise UnderpaintingError(f"steps is {steps}: give at least 1")
    if stop_after is not None and not 1 <= stop_after <= steps:
        raise UnderpaintingError(f"stop_after is {stop_after}: give a step from 1 to {steps}")
    unknown = [branch for branch in branches if branch not in ("conditional", "unconditional")]
    if unknown:
        raise UnderpaintingError(f"unknown branch {unknown[0]}: use conditional or unconditional")
    if "unconditional" in branches and not guided:
        raise UnderpaintingError(
            "branch unconditional does not exist without guidance: raise guidance_scale above 1 or watch "
            "conditional"
        )
    if edits_nothing:
        raise UnderpaintingError("edit has no layers to act on: name them in watch")


def _check_size(size: tuple[int, int]) -> None:
    if size[0] % 8 or size[1] % 8 or min(size) < 8:
        raise UnderpaintingError(f"size {size[0]} x {size[1]}: give a height and width that 8 divides")


def _check_not_compiled(denoiser: torch.nn.Module) -> None:
    """Hooks on what was compiled before may never run; say so before anything does."""
    for path, module in denoiser.named_modules():
        if type(module).__name__ == "OptimizedModule" or module._compiled_call_impl is not None:
            raise UnderpaintingError(
                f"{path or 'the denoiser'} is compiled, and what is compiled cannot be watched: load the "
                "pipeline without torch.compile"
            )


def _sha256(module: torch.nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
