"""Ideogram 4: one network for each branch of guidance, of which the conditional one is watched."""

from typing import Any

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.registry import register_adapter
from underpainting.diffusion.packing import Packing


class Ideogram4Adapter(Adapter):
    """Its guidance is one scale here, where its call has a schedule."""

    packing = Packing(channels_last=True)
    picture = "last"

    def call_options(self, pipe: Any) -> dict[str, Any]:
        """No schedule of guidance."""
        return {**super().call_options(pipe), "guidance_schedule": None}


register_adapter("ideogram 4", Ideogram4Adapter("Ideogram4Pipeline"))
