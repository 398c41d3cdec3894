"""Text-to-image pipelines of diffusers that are left out, and why."""

LOOKED_AT_TWICE = "its guidance looks at the network once more, in an evaluation or beside it"
CONTROLLED = "it takes a control picture"
IN_TURN = "it is several pipelines in turn, of which the first makes no picture"
VIDEO = "it makes a video"

LEFT_OUT = {
    "IFPipeline": "it works on pixels",
    "KandinskyCombinedPipeline": IN_TURN,
    "KandinskyV22CombinedPipeline": IN_TURN,
    "WuerstchenCombinedPipeline": IN_TURN,
    "StableCascadeCombinedPipeline": IN_TURN,
    "GlmImagePipeline": "another network writes the picture's tokens before it is denoised",
    "HeliosPipeline": VIDEO,
    "HeliosPyramidPipeline": VIDEO,
    "FluxKontextPipeline": "it takes a picture to change",
    "ZImageOmniPipeline": "it takes pictures to look at",
    "StableDiffusionPAGPipeline": LOOKED_AT_TWICE,
    "StableDiffusionXLPAGPipeline": LOOKED_AT_TWICE,
    "StableDiffusion3PAGPipeline": LOOKED_AT_TWICE,
    "HunyuanDiTPAGPipeline": LOOKED_AT_TWICE,
    "PixArtSigmaPAGPipeline": LOOKED_AT_TWICE,
    "SanaPAGPipeline": LOOKED_AT_TWICE,
    "StableDiffusionControlNetPAGPipeline": CONTROLLED,
    "StableDiffusionXLControlNetPAGPipeline": CONTROLLED,
    "StableDiffusionXLControlNetUnionPipeline": CONTROLLED,
    "StableDiffusion3ControlNetPipeline": CONTROLLED,
    "FluxControlPipeline": CONTROLLED,
    "FluxControlNetPipeline": CONTROLLED,
    "CogView4ControlPipeline": CONTROLLED,
    "QwenImageControlNetPipeline": CONTROLLED,
    "ZImageControlNetPipeline": CONTROLLED,
    "ZImageControlNetInpaintPipeline": "it takes a control picture and one to change",
}
"""Class name -> the reason."""
