"""AuraFlow and PRX, whose pipelines make pictures of another size than their networks' sample size says."""

from typing import Any

from underpainting.diffusion.adapters.base import Adapter, stated_size
from underpainting.diffusion.adapters.registry import register_adapter


class AuraFlowAdapter(Adapter):
    """Registers stand before the text in its single blocks."""

    picture = "last"

    def default_size(self, pipe: Any) -> tuple[int, int]:
        """As its call states it."""
        return stated_size(pipe)


class PRXAdapter(Adapter):
    """Its tokens of the text are looked at and not passed on."""

    def default_size(self, pipe: Any) -> tuple[int, int]:
        """As its configuration states it, in pixels."""
        return pipe.default_sample_size, pipe.default_sample_size


register_adapter("auraflow", AuraFlowAdapter("AuraFlowPipeline"))
register_adapter("prx", PRXAdapter("PRXPipeline"))
