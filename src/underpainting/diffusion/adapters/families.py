"""The families of transformers of which a row says all that is to be known."""

from underpainting.diffusion.adapters.base import Adapter
from underpainting.diffusion.adapters.registry import register_adapter
from underpainting.diffusion.packing import Packing

PATCHES = Packing()
FAMILIES = {
    "stable diffusion 3": Adapter("StableDiffusion3Pipeline"),
    "pixart": Adapter("PixArtAlphaPipeline", "PixArtSigmaPipeline"),
    "hunyuandit": Adapter("HunyuanDiTPipeline"),
    "sana": Adapter("SanaPipeline"),
    "lumina": Adapter("LuminaPipeline"),
    "lumina 2": Adapter("Lumina2Pipeline", picture="after its text"),
    "cogview": Adapter("CogView3PlusPipeline", "CogView4Pipeline", picture="last"),
    "z-image": Adapter("ZImagePipeline", picture="first", plain=0.0),
    "flux": Adapter("FluxPipeline", packing=PATCHES, picture="last"),
    "chroma": Adapter("ChromaPipeline", packing=PATCHES, picture="last"),
    "ovis": Adapter("OvisImagePipeline", packing=PATCHES, picture="last"),
    "qwen-image": Adapter("QwenImagePipeline", packing=PATCHES),
    "nucleus": Adapter("NucleusMoEImagePipeline", packing=PATCHES),
    "krea 2": Adapter("Krea2Pipeline", packing=PATCHES, picture="last", plain=0.0),
}

for _name, _adapter in FAMILIES.items():
    register_adapter(_name, _adapter)
