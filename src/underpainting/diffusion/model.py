"""A diffusion model under study: its layers, its denoising looked on at, its decoder."""

import copy
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from underpainting.diffusion import called
from underpainting.diffusion.adapters import Adapter
from underpainting.diffusion.checks import check_asked, check_shown, checked_size
from underpainting.diffusion.compiled import require_hooks
from underpainting.diffusion.embedding import prompt_embeddings
from underpainting.diffusion.evaluations import steps_planned
from underpainting.diffusion.fingerprint import Settings, fingerprint_of
from underpainting.diffusion.layers import Kinds, Layer, LayerCatalogue
from underpainting.diffusion.loop import Denoised, run_loop
from underpainting.diffusion.pausing import Paused
from underpainting.diffusion.rehearsal import Stacking, progress_bar
from underpainting.diffusion.schedulers import scheduler_named
from underpainting.diffusion.still import with_noise
from underpainting.diffusion.tokens import TextTokens, text_tokens
from underpainting.diffusion.watching import ActivationEdit, StepRecord, Watching
from underpainting.diffusion.weightless import has_no_weights
from underpainting.diffusion.word_maps import KeptMaps, WordMaps
from underpainting.diffusion.words import Words, find_words, words_of_each
from underpainting.markup import table


class Model:
    """A diffusers pipeline with its adapter; made by `load` and `attach`.

    pipe: the diffusers pipeline itself. name: what it was loaded by. adapter: what is known of its family.
    size: (height, width) in pixels of the pictures that it makes when none is asked for. arguments: what its
    pipeline is called with beside what every run gives.
    """

    def __init__(self, pipe: Any, adapter: Adapter, name: str) -> None:
        """Keep the pipeline as it is; nothing is hooked until `denoise`."""
        self.pipe = pipe
        self.adapter = adapter
        self.name = name
        self.size = adapter.default_size(pipe)
        self.arguments: Mapping[str, Any] = MappingProxyType({})
        self.own_scheduler = pipe.scheduler
        self._catalogue = LayerCatalogue(adapter, pipe, self.arguments)

    @property
    def scheduler_name(self) -> str:
        """Class name of the scheduler in use, such as `LMSDiscreteScheduler`."""
        return type(self.pipe.scheduler).__name__

    @property
    def has_weights(self) -> bool:
        """Whether it can make pictures; one of `load_shapes` cannot."""
        return not has_no_weights(self.adapter.denoiser(self.pipe))

    def _repr_html_(self) -> str:
        caption = f"{self.name}, pictures {self.size[0]} x {self.size[1]}, {self.scheduler_name}"
        rows = [[x.name, x.path, f"{x.grid[0]} x {x.grid[1]}", x.channels] for x in self.layers]
        return table(["layer", "module path", "grid", "channels"], rows, caption)

    def use_scheduler(self, name: str) -> "Model":
        """Give the pipeline a scheduler by name, as `scheduler_named` has it; returns this model."""
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
        Each comes once, kind after kind in network order, and modules of no kind after them. Grids of others
        are those at `height` x `width` pixels, or the model's size. Raises UnderpaintingError for an unknown
        name, with the nearest valid ones, a kind that the model lacks, and a module whose output is no grid
        of tokens.
        """
        return self._catalogue.resolve(names, self._size_of(height, width), every_nth_block)

    def stacking(self, guidance_scale: float) -> Stacking:
        """In which order, and by how many calls, branches reach the network at a guidance scale.

        Found out once a scale by what the pipeline gives its network of two prompts, whose texts alone are
        encoded for it. Raises UnderpaintingError where guidance stacks anything else than two branches, each
        a row a picture, and where a negative prompt has no second branch to be in.
        """
        return self._catalogue.stacking(guidance_scale, self.size)

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
        resume: Paused | None = None,
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
        have other latents and another noise level. stop_after: last step done, 1 to `steps`. resume: what a
        denoising that stopped left (`Denoised.paused`), which goes on without its steps made again (see
        `Paused`). height, width: pixels. progress: show diffusers' progress bar.

        Raises UnderpaintingError for requests that cannot be met, and for a watched layer that is not called
        exactly once an evaluation, has another shape than its configuration says, or holds non-finite values.
        """
        watching = Watching(
            layers=watch, branches=branches, on_step=on_step, edit=edit, stop_after=stop_after, resume=resume
        )
        size: dict[str, Any] = {"height": height, "width": width, "progress": progress}
        return self.run(prompts, seeds, watching, steps=steps, guidance_scale=guidance_scale, **size)

    def word_maps(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        words: Sequence[str] | Sequence[Sequence[str]],
        *,
        steps: int = 15,
        guidance_scale: float = 7.5,
    ) -> WordMaps:
        """Make pictures as `denoise` does, and map where attention is paid to words of their prompts.

        words: those of all prompts, or as many for each; `"mug"`, or several in a row, `"blue mug"`. One of
        several tokens, or at several places of a prompt, has their mean. Raises UnderpaintingError as
        `denoise`, for a word that is not in its prompt or beyond what is read of it, and for a network whose
        attention to the text is not known.
        """
        kept = KeptMaps(words_of_each(words, prompts))
        watching = Watching(words=kept.words, on_step=kept.look)
        return kept.of(self.run(prompts, seeds, watching, steps=steps, guidance_scale=guidance_scale).latents)

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
        check_asked(prompts, seeds, steps, guidance_scale)
        steps_planned(self.pipe.scheduler, steps)  # what cannot be watched is refused
        hooked = watching.layers or watching.words
        if hooked:
            require_hooks(self.adapter.denoiser(self.pipe))
        told = hooked or self.arguments or "unconditional" in watching.branches
        stacking = self.stacking(guidance_scale) if told else Stacking()
        watching.check(steps, stacking.branches, self.pipe.scheduler, len(prompts))
        layers = self._catalogue.resolve(watching.layers, size) if watching.layers else ()
        answer = self._catalogue.at(size).answer if watching.resume else None
        safe = frozenset(of.path for of in self._catalogue.self_attention(size)) if layers else frozenset()
        words = self.find_words(prompts, watching.words) if watching.words else None
        call = self._call(prompts, size, steps, guidance_scale)
        call["generator"] = [torch.Generator("cpu").manual_seed(int(seed)) for seed in seeds]
        with progress_bar(self.pipe, progress):
            return run_loop(self.pipe, self.adapter, layers, safe, stacking, watching, words, call, answer)

    def with_denoiser(self, denoiser: torch.nn.Module) -> "Model":
        """The same pipeline with another network of the denoiser's shape; this model is as it was."""
        return self._but(pipe=self.adapter.with_denoiser(self.pipe, denoiser))

    def of_size(self, height: int | None, width: int | None) -> "Model":
        """The same pipeline making pictures of another size in pixels, which 8 must divide."""
        return self._but(size=self._size_of(height, width))

    def called_with(self, **arguments: Any) -> "Model":
        """The same pipeline called with further arguments of its own, such as negative_prompt="a cup" or
        guidance_rescale=0.7; this model is as it was.

        One text is each picture's. Raises UnderpaintingError for what the pipeline's call does not take, or
        what every run gives itself.
        """
        called.check_arguments(self.pipe, arguments)
        every = MappingProxyType({**self.arguments, **arguments})
        return self._but(arguments=every, _catalogue=LayerCatalogue(self.adapter, self.pipe, every))

    def _but(self, **changes: Any) -> "Model":
        """This model with some of what it holds changed."""
        other = copy.copy(self)
        vars(other).update(changes)
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
        words: Sequence[Sequence[str]] = (),
        progress: bool = False,
    ) -> None:
        """Show given pictures to the network at every step's noise level; nothing is denoised.

        pictures [picture, 3, height, width] in 0..1: encoded, and at each step mixed with the same noise,
        drawn for each picture from its own CPU generator. What is recorded is what `denoise` records;
        `predicted_clean` is the network's guess of the picture. words: of each prompt, whose maps are
        recorded. Other options and errors are those of `denoise`.
        """
        check_shown(pictures, prompts)
        still = with_noise(self.encode(pictures), seeds)
        watching = Watching(layers=watch, branches=branches, on_step=on_step, still=still, words=words)
        size: dict[str, Any] = dict(zip(("height", "width"), pictures.shape[2:], strict=True))
        size["progress"] = progress
        self.run(prompts, seeds, watching, steps=steps, guidance_scale=guidance_scale, **size)

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
        """What tells this model from any other, as plain JSON; see `fingerprint_of`."""
        return fingerprint_of(self.pipe, self.arguments)

    def text_tokens(self, prompts: Sequence[str]) -> list[TextTokens]:
        """What the text encoders are given of each prompt: equal ids are one prompt to the model."""
        return text_tokens(self.pipe, self._call(prompts, self.size, 1, self.adapter.plain))

    def find_words(self, prompts: Sequence[str], words: Sequence[Sequence[str]]) -> Words:
        """Words of each picture's prompt among the tokens of its text encoders; raises as `word_maps`."""
        return find_words(self.pipe, words, self._call(prompts, self.size, 1, self.adapter.plain))

    def _call(
        self, prompts: Sequence[str], size: tuple[int, int], steps: int, guidance_scale: float
    ) -> dict[str, Any]:
        """Arguments of the pipeline's call, but for the noise's generators."""
        given = called.call_of(self.pipe, self.adapter, self.arguments, len(prompts), size, steps)
        return {**given(guidance_scale), "prompt": list(prompts)}

    def _size_of(self, height: int | None, width: int | None) -> tuple[int, int]:
        """(height, width) in pixels, the model's own where not given."""
        return checked_size((height or self.size[0], width or self.size[1]))
