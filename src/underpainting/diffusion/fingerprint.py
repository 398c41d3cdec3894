"""What tells a model from any other: hashes of its weights, and all settings that its results depend on.

Left out is what changes no result, or last digits at most: where files were read from, versions, devices, how
attention is computed, and parts that no picture here passes through (`UNUSED`).
"""

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from underpainting.diffusion.called import recorded_arguments
from underpainting.diffusion.compiled import as_written
from underpainting.diffusion.stored import stored_tensors

Settings = dict[str, Any]

UNUSED = ("safety_checker", "feature_extractor")
"""Parts that pictures do not pass through: latents are asked of the pipeline, and decoded here."""

BOOKKEEPING = ("transformers_version", "architectures", "dtype", "torch_dtype")  # dtypes are in the weights
VOCABULARY = "vocabulary"
FREEU = ("s1", "s2", "b1", "b2")
OWN = ("diffusers.", "transformers.")  # packages whose attention processors compute what the plain one does


def fingerprint_of(pipe: Any, arguments: Mapping[str, Any]) -> dict[str, Settings]:
    """`weights`: SHA-256 by network. `settings`: by part, and of the pipeline itself, as plain JSON.

    Settings of a part: its class, its `config`, and what was switched on: `adapters` with their scales (0
    where they are off), `freeu`, `tiling`, attention `processors` of others, `quantization`, the types that
    it computes in where its weights are `cast` to others, scales of an `ip_adapter`. Of a tokenizer's
    `vocabulary` there is a hash. Those of the pipeline have the further arguments that it is called with.
    """
    shown = "ip_adapter_image" in arguments  # is prepared by a part that is of no use otherwise
    unused = [name for name in UNUSED if not (shown and name == "feature_extractor")]
    parts = {
        name: as_written(part)
        for name, part in sorted(pipe.components.items())
        if part is not None and name not in unused
    }
    networks = {k: v for k, v in parts.items() if isinstance(v, torch.nn.Module)}
    settings = {name: _settings(part) for name, part in parts.items()}
    return {
        "weights": {name: sha256_of_weights(network) for name, network in networks.items()},
        "settings": {**settings, "pipeline": _of_pipeline(pipe) | recorded_arguments(arguments)},
    }


def differences(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """How two fingerprints differ, a phrase each; none where the models give the same.

    Options that only one of them knows are those of another version of a library, and are not compared.
    """
    before, now = _mapping(recorded.get("settings")), present["settings"]
    if not before:
        return ["its settings were not recorded when it was begun"]
    found = []
    for part in sorted({*before, *now}):
        if part not in before or part not in now:
            found.append(f"its {part} is {'new' if part in now else 'missing'}")
        else:
            found += [f"its {part}'s {words}" for words in _changed(_mapping(before[part]), now[part])]
    old = _mapping(recorded.get("weights"))
    changed = [
        part for part, digest in present["weights"].items() if part in before and old.get(part) != digest
    ]
    return found + [f"its {part}'s weights differ" for part in changed]


def sha256_of_weights(module: torch.nn.Module) -> str:
    """SHA-256 of names, dtypes, shapes and bytes of a network's weights, as they are stored.

    Raises UnderpaintingError as `stored_tensors`.
    """
    digest = hashlib.sha256()
    for name, tensor in stored_tensors(module):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What is otherwise in a part; of another class nothing else is compared."""
    if before.get("class") != now["class"]:
        yield f"class is {now['class']}, was {before.get('class')}"
        return
    switches = sorted({*before, *now} - {"class", "config"})
    pairs = {name: (before.get(name), now.get(name)) for name in switches}  # None: off
    old = _mapping(before.get("config"))
    pairs |= {name: (old[name], value) for name, value in now["config"].items() if name in old}
    for name, (was, value) in pairs.items():
        if was != value:
            yield f"{name} differs" if name == VOCABULARY else f"{name} is {_words(value)}, was {_words(was)}"


def _mapping(value: Any) -> Mapping[str, Any]:
    """What was read, where it is what was written."""
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> str:
    words = json.dumps(value)
    return words if len(words) <= 60 else f"{words[:60]}..."


def _settings(part: Any) -> Settings:
    """A part's class, config and switches."""
    if hasattr(part, "get_vocab"):
        return {"class": "tokenizer", **_of_tokenizer(part)}
    about: Settings = {"class": type(part).__name__, "config": _config(part)}
    return about | (_switched(part) if isinstance(part, torch.nn.Module) else {})


def _config(part: Any) -> Settings:
    """What a part was built with: its class's arguments in diffusers, all but bookkeeping in transformers."""
    config = getattr(part, "config", {})
    if hasattr(config, "to_dict"):
        kept = {k: v for k, v in config.to_dict().items() if k not in BOOKKEEPING}
    else:
        kept = {k: v for k, v in config.items() if k in inspect.signature(type(part).__init__).parameters}
    return _plain({name: value for name, value in kept.items() if not name.startswith("_")})


def _of_pipeline(pipe: Any) -> Settings:
    config = {k: v for k, v in pipe.config.items() if k not in pipe.components and not k.startswith("_")}
    config.pop("requires_safety_checker", None)
    return {"class": type(pipe).__name__, "config": _plain(config)}


def _of_tokenizer(tokenizer: Any) -> Settings:
    """Its class is left out: versions of transformers name the same tokenizer otherwise."""
    names = ("model_max_length", "padding_side", "truncation_side", "special_tokens_map")
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = {} if backend is None else json.loads(backend.to_str())
    for state in ("version", "truncation", "padding"):  # the latter two as the last call left them
        rules.pop(state, None)
    told = json.dumps([sorted(tokenizer.get_vocab().items()), rules], sort_keys=True)
    return {
        "config": _plain({name: getattr(tokenizer, name) for name in names}),
        VOCABULARY: hashlib.sha256(told.encode()).hexdigest(),
    }


def _switched(network: torch.nn.Module) -> Settings:
    """What was switched on in a network, of what its config and weights do not say."""
    blocks = getattr(network, "up_blocks", ())
    freeu = [[getattr(block, name, None) for name in FREEU] for block in blocks]
    own: list[Any] = [getattr(module, "processor", None) for module in network.modules()]
    processors = {type(processor) for processor in own}
    quantised: Any = getattr(getattr(network, "config", None), "quantization_config", None)
    switched = {
        "adapters": _adapters(network),
        "freeu": freeu if any(value is not None for block in freeu for value in block) else None,
        "tiling": getattr(network, "use_tiling", False),
        "quantization": quantised.to_dict() if hasattr(quantised, "to_dict") else quantised,
        "cast": sorted({str(dtype) for dtype in _computed_in(network)}),
        "ip_adapter": _distinct(
            [processor.scale for processor in own if "IPAdapter" in type(processor).__name__]
        ),
        "processors": sorted(
            kind.__name__ for kind in processors - {type(None)} if not kind.__module__.startswith(OWN)
        ),
    }
    return _plain({name: value for name, value in switched.items() if value})


def _computed_in(network: torch.nn.Module) -> Iterator[torch.dtype]:
    """Types that hooks of layerwise casting cast weights to, to compute with them."""
    for module in network.modules():
        for hook in getattr(getattr(module, "_diffusers_hook", None), "hooks", {}).values():
            if isinstance(dtype := getattr(hook, "compute_dtype", None), torch.dtype):
                yield dtype


def _distinct(scales: list[Any]) -> list[Any]:
    """Scales by layer; one of them where all are the same."""
    return scales[:1] if all(scale == scales[0] for scale in scales) else scales


def _adapters(network: torch.nn.Module) -> Settings:
    """Scale of each of peft's adapters, 0 where it is off; by layer where layers differ."""
    scales: dict[str, dict[str, float]] = {}
    for path, layer in network.named_modules():
        if hasattr(layer, "active_adapters") and isinstance(getattr(layer, "scaling", None), dict):
            on = () if layer.disable_adapters else layer.active_adapters
            for name, scale in layer.scaling.items():
                scales.setdefault(name, {})[path] = float(scale) if name in on else 0.0
    return {
        name: next(iter(of.values())) if len(set(of.values())) == 1 else of
        for name, of in sorted(scales.items())
    }


def _plain(settings: Settings) -> Settings:
    """The same as JSON has it; what JSON does not know as its text."""
    plain: Settings = json.loads(json.dumps(settings, default=_text, sort_keys=True))
    return plain


def _text(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
