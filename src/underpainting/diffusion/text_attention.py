"""Attention that a picture's tokens pay to the text, heard from outside while a denoiser runs.

Every module that attends to the text is one of two kinds, by its attributes alone: of cross-attention, whose
keys are the text's, or of joint attention, whose keys are the picture's and the text's in one row. What it
attends with is heard at torch's `scaled_dot_product_attention`, after all norms and rotary embeddings.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from underpainting.errors import UnderpaintingError

LARGEST = 2**22
"""Numbers of the largest tensor that scores are computed in, 16 MB."""

NAMES = ("query", "key", "value", "attn_mask")
"""Of its arguments in order."""

MIDDLE = "mid_block."
"""A U-Net's middle block, the coarsest, is left out (as by DAAM: Tang et al. 2023, arXiv 2210.04885)."""


@dataclass(frozen=True, eq=False)
class TextAttention:
    """What one module attends with.

    query [row, head, picture token, channel], key [row, head, token, channel]. text: where the text's tokens
    are among the keys. mask [row, head, picture token, key]: what is added to scores, where there is any.
    """

    query: torch.Tensor
    key: torch.Tensor
    scale: float
    text: slice
    mask: torch.Tensor | None = None

    def of_rows(self, rows: Callable[[torch.Tensor], torch.Tensor]) -> "TextAttention":
        """Of some rows of the batch: rows gives these of any tensor."""
        mask = None if self.mask is None else rows(self.mask)
        return TextAttention(rows(self.query), rows(self.key), self.scale, self.text, mask)

    @property
    def text_tokens(self) -> int:
        """Tokens of the text."""
        return int(self.text.stop - self.text.start)

    def paid(self, shares: torch.Tensor) -> torch.Tensor:
        """Attention paid to groups of the text's tokens: [row, picture token, group], float32, mean of heads.

        It is the softmax over all keys, times shares [row, text token, group]. Only chunks of it are ever
        there, of at most `LARGEST` numbers or one row of keys for each head.
        """
        rows, heads, queries, keys = (*self.query.shape[:3], self.key.shape[2])
        weights = torch.zeros(rows, keys, shares.shape[2], device=self.key.device)
        weights[:, self.text] = shares.to(weights)
        rows_at_once = max(1, LARGEST // (heads * queries * keys))
        at_once = max(1, LARGEST // (min(rows, rows_at_once) * heads * keys))
        paid = torch.empty(rows, queries, shares.shape[2], device=self.key.device)
        for some in (slice(i, i + rows_at_once) for i in range(0, rows, rows_at_once)):
            key = self.key[some].float().transpose(2, 3) * self.scale
            for part in (slice(i, i + at_once) for i in range(0, queries, at_once)):
                scores = self.query[some, :, part].float() @ key
                if self.mask is not None:
                    scores += self.mask[some, :, part]
                paid[some, part] = scores.softmax(-1).mean(1) @ weights[some]
        return paid


def text_attending(denoiser: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """The modules whose keys are the text's, or the text's too, by path in network order.

    Empty where a denoiser has none that are known, such as one of single-stream blocks alone.
    """
    return {
        path: module
        for path, module in denoiser.named_modules()
        if (getattr(module, "is_cross_attention", False) or _is_joint(module)) and not path.startswith(MIDDLE)
    }


@contextmanager
def hear_text_attention(
    denoiser: torch.nn.Module, wanted: Callable[[], bool], tell: Callable[[str, TextAttention], None]
) -> Iterator[tuple[str, ...]]:
    """Hear what the modules of `text_attending` attend with; gives their paths.

    wanted: whether the evaluation that is going on is. tell: is given a module's path and what it attends
    with, once a call, which goes on as if nobody heard. Raises UnderpaintingError where there are none, and,
    while the denoiser runs, for one that attends otherwise.
    """
    modules = text_attending(denoiser)
    if not modules:
        raise UnderpaintingError(
            f"{type(denoiser).__name__} has no attention to the text alone that is known: it has no word maps"
        )
    with ExitStack() as handles:
        for path, module in modules.items():
            _Hearing(path, wanted, tell).on(module, handles)
        yield tuple(modules)


class _Hearing:
    """Hears one module attend."""

    def __init__(
        self, path: str, wanted: Callable[[], bool], tell: Callable[[str, TextAttention], None]
    ) -> None:
        self._path, self._wanted, self._tell = path, wanted, tell
        self._calls: _Calls | None = None
        self._added: torch.Tensor | None = None

    def on(self, module: torch.nn.Module, handles: ExitStack) -> None:
        handles.callback(self._stop)
        handles.enter_context(module.register_forward_pre_hook(self._begin))
        handles.enter_context(module.register_forward_hook(self._end, always_call=True))
        if _is_joint(module):
            added: Any = module.add_v_proj
            handles.enter_context(added.register_forward_hook(self._hear_added))

    def _begin(self, module: torch.nn.Module, args: Any) -> None:
        if self._wanted():
            self._calls = _Calls()
            self._calls.__enter__()  # type: ignore[no-untyped-call]

    def _hear_added(self, module: torch.nn.Module, args: Any, output: torch.Tensor) -> None:
        if self._calls is not None:
            self._added = output

    def _end(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        """Comes whether the module's call succeeded or, without any output, did not."""
        calls, added = self._calls, self._added
        self._stop()
        if calls is not None and output is not None:
            self._tell(self._path, self._attention(module, calls.made, added))

    def _stop(self) -> None:
        """Hear no more, also where what stops a run is no error that hooks are told of."""
        if self._calls is not None:
            self._calls.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        self._calls = self._added = None

    def _attention(
        self, module: torch.nn.Module, made: list[dict[str, Any]], added: torch.Tensor | None
    ) -> TextAttention:
        call = made[0] if len(made) == 1 else {}
        query, key, value = (call.get(name) for name in ("query", "key", "value"))
        if query is None or key is None or value is None or query.shape[1] != key.shape[1]:
            processor = type(getattr(module, "processor", module)).__name__
            raise UnderpaintingError(
                f"{self._path} does not attend to the text by one plain scaled_dot_product_attention "
                f"({processor}), so that words cannot be watched: set diffusers' default attention processor"
            )
        text, scale = slice(0, key.shape[2]), call.get("scale")
        mask = _bias(call.get("attn_mask"), (*query.shape[:3], key.shape[2]))
        if _is_joint(module):
            text = self._text(value, added)
            if query.shape[2] == key.shape[2]:  # the text's tokens ask, too
                picture = slice(text.stop, None) if text.start == 0 else slice(0, text.start)
                query, mask = query[:, :, picture], None if mask is None else mask[:, :, picture]
        return TextAttention(
            query, key, 1 / math.sqrt(query.shape[-1]) if scale is None else scale, text, mask
        )

    def _text(self, value: torch.Tensor, added: torch.Tensor | None) -> slice:
        """Where the text's values, as they were added, are among all: at the front or at the end."""
        count = 0 if added is None else added.shape[1]
        keys = value.shape[2]
        for text in (slice(0, count), slice(keys - count, keys)):
            if added is not None and torch.equal(value[0, :, text.start].flatten(), added[0, 0]):
                return text
        raise UnderpaintingError(
            f"where the text is among what {self._path} attends to cannot be told: words cannot be watched; "
            "undo fused projections"
        )


class _Calls(TorchFunctionMode):
    """Hears every call of `scaled_dot_product_attention` while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[dict[str, Any]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            self.made.append(dict(zip(NAMES, args, strict=False)) | kwargs)
        return func(*args, **kwargs)


def _is_joint(module: torch.nn.Module) -> bool:
    return getattr(module, "add_k_proj", None) is not None


def _bias(mask: torch.Tensor | None, shape: tuple[int, ...]) -> torch.Tensor | None:
    """A mask as what is added to scores of a shape: a view of what is small."""
    if mask is None:
        return None
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=torch.float32).masked_fill(~mask, -torch.inf)
    return mask.expand(shape)
