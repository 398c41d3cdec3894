"""What is known of each family of pipelines: one file a family, which registers its adapter."""

from importlib import import_module
from pkgutil import iter_modules

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.registry import adapter_for, register_adapter

__all__ = ["Adapter", "adapter_for", "register_adapter"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
