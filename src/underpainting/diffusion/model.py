"""A diffusion model under study: its layers, its denoising looked on at, its decoder."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.embedding import prompt_embeddings
from underpainting.diffusion.fingerprint import Settings, fingerprint_of
from underpainting.diffusion.layers import Kinds, Layer, LayerCatalogue
from underpainting.diffusion.loop import Denoised, run_loop
from underpainting.diffusion.rehearsal import Stacking, progress_bar, stacked_branches
from underpainting.diffusion.schedulers import scheduler_named
from underpainting.diffusion.still import with_noise
from underpainting.diffusion.tokens import TextTokens, text_tokens
from underpainting.diffusion.watching import ActivationEdit, StepRecord, Watching
from underpainting.errors import UnderpaintingError, require_number
from underpainting.markup import table
from underpainting.vocabulary import GUIDANCE, PIXELS, SEEDS, STEPS


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
        self._catalogue = LayerCatalogue(adapter, pipe)
        self._stacked: dict[float, Stacking] = {}

    @property
    def scheduler_name(self) -> str:
        """Class name of the scheduler in use, such as `LMSDiscreteScheduler`."""
        return type(self.pipe.scheduler).__name__

    def _repr_html_(self) -> str:
        caption = f"{self.name}, pictures {self.size[0]} x {self.size[1]}, {self.scheduler_name}"
        rows = [[x.name, x.path, f"{x.grid[0]} x {x.grid[1]}", x.channels] for x in self.layers]
        return table(["layer", "module path", "grid", "channels"], rows, caption)

    def use_scheduler(self, name: str) -> "Model":
        """Give the pipeline a scheduler by name, built from the one it was loaded with; returns this model.

        Names: `lms`, `ddim`, `euler`, `heun`, `dpm++`, `pndm`, and `pipeline` for the one it was loaded with.
        What its configuration does not state is as in Stable Diffusion's own (no clipping of latents). Raises
        UnderpaintingError for another name, and where the network is a flow's, which keeps its own.
        """
        self.pipe.scheduler = scheduler_named(name, self.own_scheduler)
        return self

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The self-attention layers in network order (down, mid, up), grids at the default size."""
        return self._catalogue.self_attention(self.size)

    @property
    def kinds(self) -> Kinds:
        """All layers that have names, by kind, as `resolve` takes them; grids at the default size."""
        return self._catalogue.kinds(self.size)

    def resolve(
        self,
        names: Sequence[str | Layer],
        *,
        every_nth_block: int = 1,
        height: int | None = None,
        width: int | None = None,
    ) -> tuple[Layer, ...]:
        """Layers by kind, short name, glob, full path (with or without `.to_out.0`) or any other path.

        A kind (`self-attention`, `cross-attention`, `blocks`, `mlp`, or `all`) stands for its layers in every
        n-th block, a glob for those of the kind that it ends in (`*.mlp`), else of self-attention (`up.*`).
        `PATH@HEIGHTxWIDTHxCHANNELS` states any module's grid and channels; what it gives is held to it.
        Doubles are dropped, the order given is kept. Grids of others are those at `height` x `width` pixels,
        or the model's size. Raises UnderpaintingError for an unknown name, with the nearest valid ones, a
        kind that the model lacks, and a module whose output is no grid of tokens.
        """
        return self._catalogue.resolve(names, self._size_of(height, width), every_nth_block)

    def stacked(self, guidance_scale: float) -> tuple[str, ...]:
        """Branches of an evaluation's rows in order; see `stacking`."""
        return self.stacking(guidance_scale).branches

    def stacking(self, guidance_scale: float) -> Stacking:
        """In which order, and by how many calls, branches reach the network at a guidance scale.

        Found out once a scale by what the pipeline gives its network of two prompts, whose texts alone are
        encoded for it. Raises UnderpaintingError where guidance stacks anything else than two branches, each
        a row a picture.
        """
        if guidance_scale not in self._stacked:
            call, answer = self._call(2, self.size), self._catalogue.at(self.size).answer
            stacking = stacked_branches(self.pipe, self.adapter, call, guidance_scale, answer)
            self._stacked[guidance_scale] = stacking
        return self._stacked[guidance_scale]

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
        edit: ActivationEdit | None = None,
        stop_after: int | None = None,
        height: int | None = None,
        width: int | None = None,
        progress: bool = False,
    ) -> Denoised:
        """Denoise one picture for each prompt and seed by the pipeline's own loop, looking on from outside.

        Each picture's noise comes from its own CPU generator seeded with its seed, so the latents are
        bit-equal to those of `pipe(prompts, generator=[...], output_type="latent")`.

        watch: layers as in `resolve`. branches: which halves of guidance `StepRecord.activations` keeps;
        without guidance (scale at most 1) there is only `conditional`. on_step: called once a step, at its
        first network evaluation, before the scheduler steps. edit(layer name, evaluation, activations [row,
        token, channel]) is called at every call of the network and returns what it goes on with, same shape,
        dtype and device; the rows are those of the branches that `evaluation.branches` names, each in picture
        order; what is recorded is the edited output. `evaluation.step` is the step; `evaluation.first` says
        whether it is the step's first, where an edit belongs that is made of what was recorded: later ones
        have other latents and another noise level. stop_after: last step done, 1 to `steps`. height, width:
        pixels. progress: show diffusers' progress bar.

        Raises UnderpaintingError for requests that cannot be met, and for a watched layer that is not called
        exactly once an evaluation, has another shape than its configuration says, or holds non-finite values.
        """
        return self.run(
            prompts,
            seeds,
            Watching(layers=watch, branches=branches, on_step=on_step, edit=edit, stop_after=stop_after),
            steps=steps,
            guidance_scale=guidance_scale,
            height=height,
            width=width,
            progress=progress,
        )

    def run(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        watching: Watching,
        *,
        steps: int = 15,
        guidance_scale: float = 7.5,
        height: int | None = None,
        width: int | None = None,
        progress: bool = False,
    ) -> Denoised:
        """What `denoise` and `look` do, with their options: the pipeline's own loop, looked on at."""
        size = self._size_of(height, width)
        _check_pictures(prompts, seeds)
        require_number("steps", steps, 1, STEPS, whole=True)
        require_number("guidance_scale", guidance_scale, 0, GUIDANCE, whole=False)
        if watching.layers:
            _check_not_compiled(self.adapter.denoiser(self.pipe))
        told = watching.layers or "unconditional" in watching.branches
        stacking = self.stacking(guidance_scale) if told else Stacking()
        watching.check(steps, stacking.branches)
        layers = self._catalogue.resolve(watching.layers, size) if watching.layers else ()
        safe = frozenset(of.path for of in self._catalogue.self_attention(size)) if layers else frozenset()
        call = self._call(steps, size) | self.adapter.guidance(self.pipe, guidance_scale, len(prompts))
        call["generator"] = [torch.Generator("cpu").manual_seed(int(seed)) for seed in seeds]
        call["prompt"] = list(prompts)
        with progress_bar(self.pipe, progress):
            return run_loop(self.pipe, self.adapter, layers, safe, stacking, watching, call)

    def _call(self, steps: int, size: tuple[int, int]) -> dict[str, Any]:
        """Arguments of the pipeline's call, but for prompts, guidance and the noise's generators."""
        given = {"height": size[0], "width": size[1], "num_inference_steps": steps}
        return given | self.adapter.call_options(self.pipe)

    def with_denoiser(self, denoiser: torch.nn.Module) -> "Model":
        """The same pipeline with another network of the denoiser's shape; this model is as it was."""
        other = Model(self.adapter.with_denoiser(self.pipe, denoiser), self.adapter, self.name, self.size)
        other._stacked = self._stacked
        return other

    def of_size(self, height: int | None, width: int | None) -> "Model":
        """The same pipeline making pictures of another size in pixels, which 8 must divide."""
        other = Model(self.pipe, self.adapter, self.name, self._size_of(height, width))
        other.own_scheduler, other._stacked = self.own_scheduler, self._stacked
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
        still = with_noise(self.encode(pictures), seeds)
        self.run(
            prompts,
            seeds,
            Watching(layers=watch, branches=branches, on_step=on_step, still=still),
            steps=steps,
            guidance_scale=guidance_scale,
            height=pictures.shape[2],
            width=pictures.shape[3],
            progress=progress,
        )

    @torch.no_grad()
    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Clean latents [picture, channel, h, w] of pictures [picture, 3, height, width] in 0..1."""
        return self.adapter.encode(self.pipe, pictures)

    def embed(self, prompts: Sequence[str]) -> torch.Tensor:
        """Embeddings [prompt, number] of prompts; see `prompt_embeddings`."""
        return prompt_embeddings(self.pipe, prompts)

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

    def fingerprint(self) -> dict[str, Settings]:
        """What tells this model from any other: `weights` (SHA-256 by network) and `settings` by part.

        As plain JSON; see `underpainting.diffusion.fingerprint`, whose `differences` compares two.
        """
        return fingerprint_of(self.pipe)

    def text_tokens(self, prompts: Sequence[str]) -> list[TextTokens]:
        """What the text encoders are given of each prompt: equal ids are one prompt to the model."""
        guidance = self.adapter.guidance(self.pipe, self.adapter.plain, len(prompts))
        return text_tokens(self.pipe, prompts, {**self._call(1, self.size), **guidance})

    def _size_of(self, height: int | None, width: int | None) -> tuple[int, int]:
        """(height, width) in pixels, the model's own where not given."""
        size = (height or self.size[0], width or self.size[1])
        for side, pixels in zip(("height", "width"), size, strict=True):
            require_number(side, pixels, 8, PIXELS, whole=True)
        if size[0] % 8 or size[1] % 8:
            raise UnderpaintingError(f"size {size[0]} x {size[1]}: give a height and width that 8 divides")
        return size


def _check_pictures(prompts: Sequence[str], seeds: Sequence[int]) -> None:
    if isinstance(prompts, str) or not prompts or len(prompts) != len(seeds):
        count = "one string" if isinstance(prompts, str) else f"{len(prompts)} prompts"
        raise UnderpaintingError(
            f"{count} and {len(seeds)} seeds: give a list of prompts and a seed for each"
        )
    for seed in seeds:
        require_number("seed", seed, 0, SEEDS - 1, whole=True)


def _check_not_compiled(denoiser: torch.nn.Module) -> None:
    """Hooks on what was compiled before may never run; say so before anything does."""
    for path, module in denoiser.named_modules():
        if type(module).__name__ == "OptimizedModule" or module._compiled_call_impl is not None:
            raise UnderpaintingError(
                f"{path or 'the denoiser'} is compiled, and what is compiled cannot be watched: load the "
                "pipeline without torch.compile"
            )
