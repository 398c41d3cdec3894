"""Tiny random pipelines of the families whose transformers match flows, and of other transformers."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from transformers import Qwen3ForCausalLM, Qwen3Model

from tests.pipeline.conftest import tiny_tokenizer
from tests.pipeline.parts import (
    NOISE,
    WIDE,
    autoencoder,
    lively,
    normed_autoencoder,
    pipeline,
    shifted,
    shifted_autoencoder,
    speaker,
    t5,
    text_config,
    video_autoencoder,
)

FLUX = {
    "in_channels": 16,
    "num_layers": 2,
    "num_single_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "joint_attention_dim": WIDE,
    "axes_dims_rope": (2, 2, 4),
}


def flux(folder: Path, **config: Any) -> Any:
    """Of Flux.1's kind: packed latents, double and single blocks, guidance as an input."""
    tokenizer = tiny_tokenizer(folder / "clip")
    tokenizer_2, encoder_2 = t5(folder / "t5", WIDE)
    clip = diffusers.pipelines.flux.pipeline_flux.CLIPTextModel
    return pipeline(
        "FluxPipeline",
        diffusers.FluxTransformer2DModel(
            **{**FLUX, "pooled_projection_dim": WIDE, "guidance_embeds": True, **config}
        ),
        {
            "tokenizer": tokenizer,
            "text_encoder": clip(text_config(WIDE, len(tokenizer))).eval(),
            "tokenizer_2": tokenizer_2,
            "text_encoder_2": encoder_2,
        },
        vae=shifted_autoencoder(),
        scheduler=shifted(),
    )


def chroma(folder: Path) -> Any:
    """Of Chroma's kind: as Flux, with a second call for guidance and a mask of the text."""
    tokenizer, encoder = t5(folder, WIDE)
    own = {"approximator_num_channels": 8, "approximator_hidden_dim": 16, "approximator_layers": 1}
    return pipeline(
        "ChromaPipeline",
        diffusers.ChromaTransformer2DModel(**{**FLUX, **own}),
        {"tokenizer": tokenizer, "text_encoder": encoder},
        vae=shifted_autoencoder(),
    )


def ovis(folder: Path) -> Any:
    """Of Ovis' kind: as Flux, with a language model."""
    return pipeline(
        "OvisImagePipeline",
        diffusers.OvisImageTransformer2DModel(**FLUX, out_channels=16),
        speaker(folder),
        vae=shifted_autoencoder(),
        scheduler=shifted(),
    )


def flux_2(folder: Path, kind: str = "Flux2Pipeline", text: int = 512, **config: Any) -> Any:
    """Of Flux.2's kind: statistics of patches, hidden states of several layers of a language model."""
    own = {**FLUX, "joint_attention_dim": 3 * WIDE, "axes_dims_rope": (2, 2, 2, 2), **config}
    pipe = pipeline(
        kind,
        diffusers.Flux2Transformer2DModel(**own, timestep_guidance_channels=8),
        speaker(folder, Qwen3ForCausalLM),
        vae=normed_autoencoder(),
        scheduler=shifted(),
    )
    pipe.system_message = ""
    default: Any = inspect.unwrap(type(pipe).encode_prompt)
    pipe.encode_prompt = lambda *given, **options: default(
        pipe, *given, **{**options, "text_encoder_out_layers": (1, 2, 3), "max_sequence_length": text}
    )
    return pipe


def klein(folder: Path) -> Any:
    """Of Flux.2 klein's kind: a second call for guidance."""
    return flux_2(folder, "Flux2KleinPipeline", guidance_embeds=False)


def qwen(folder: Path) -> Any:
    """Of Qwen-Image's kind: true guidance by a second call, an autoencoder of videos."""
    return pipeline(
        "QwenImagePipeline",
        diffusers.QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=WIDE,
            axes_dims_rope=(2, 2, 4),
        ),
        speaker(folder),
        vae=video_autoencoder(),
        scheduler=shifted(),
    )


class Processor:
    """What a tokenizer is wrapped in where a model also reads pictures."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.model_max_length = tokenizer.model_max_length

    def __call__(self, text: Any, **options: Any) -> Any:
        return self.tokenizer(text, **options)

    def apply_chat_template(self, messages: Any, tokenize: bool = True, **options: Any) -> Any:
        text = self.tokenizer.apply_chat_template(messages, tokenize=False)
        return [self.tokenizer(text)["input_ids"]] if tokenize else text


def qwen_2_1(folder: Path) -> Any:
    """Of Qwen-Image 2.1's kind: tokens are single latents, text and picture one sequence."""
    parts = speaker(folder, Qwen3ForCausalLM)
    return pipeline(
        "QwenImage21Pipeline",
        diffusers.QwenImage21Transformer2DModel(
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            context_in_dim=WIDE,
            axes_dims_rope=(2, 2, 4),
        ),
        {"text_encoder": parts["text_encoder"], "processor": Processor(parts["tokenizer"])},
        vae=video_autoencoder("AutoencoderKLQwenImage21", blocks=5),
        scheduler=shifted(),
    )


class Speaker(Qwen3Model):  # type: ignore[misc]
    """A language model that has no places of pictures."""

    def forward(self, *given: Any, position_ids: Any = None, **options: Any) -> Any:
        return super().forward(*given, **options)


def nucleus(folder: Path) -> Any:
    """Of NucleusMoE-Image's kind: experts, and the picture's tokens alone in each block."""
    parts = speaker(folder)
    pipe = pipeline(
        "NucleusMoEImagePipeline",
        diffusers.NucleusMoEImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=WIDE,
            axes_dims_rope=(2, 2, 4),
            moe_enabled=False,
        ),
        {"text_encoder": parts["text_encoder"], "processor": Processor(parts["tokenizer"])},
        vae=video_autoencoder(),
        scheduler=shifted(),
    )
    pipe.default_return_index = -2
    return pipe


def krea_2(folder: Path) -> Any:
    """Of Krea 2's kind: hidden states of several layers are fused, text and picture one sequence."""
    parts = speaker(folder, Speaker)
    return pipeline(
        "Krea2Pipeline",
        diffusers.Krea2Transformer2DModel(
            in_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            num_key_value_heads=1,
            intermediate_size=16,
            timestep_embed_dim=8,
            text_hidden_dim=WIDE,
            num_text_layers=3,
            text_num_attention_heads=2,
            text_num_key_value_heads=2,
            text_intermediate_size=16,
            num_layerwise_text_blocks=1,
            num_refiner_text_blocks=1,
            axes_dims_rope=(2, 2, 4),
        ),
        parts,
        vae=video_autoencoder(),
        scheduler=shifted(),
        text_encoder_select_layers=(1, 2, 3),
    )


class ShortIdeogram(diffusers.Ideogram4Pipeline):  # type: ignore[misc]
    """Reads 48 tokens where the real one reads 2048, and one hidden state of a language model."""

    @functools.wraps(diffusers.Ideogram4Pipeline.__call__)
    def __call__(self, *given: Any, **options: Any) -> Any:
        return super().__call__(*given, **options, max_sequence_length=48)

    @staticmethod
    def _get_text_encoder_hidden_states(encoder: Any, ids: Any, mask: Any, places: Any) -> list[torch.Tensor]:
        return [encoder(ids, attention_mask=mask).last_hidden_state] * 2


def ideogram_4(folder: Path) -> Any:
    """Of Ideogram 4's kind: another network for the unconditional branch, one sequence."""
    config = {
        "in_channels": 16,
        "num_layers": 2,
        "attention_head_dim": 8,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "adaln_dim": 8,
        "llm_features_dim": 2 * WIDE,
        "mrope_section": (2, 1, 1),
    }
    networks = [lively(diffusers.Ideogram4Transformer2DModel(**config)) for _ in range(2)]
    return ShortIdeogram(
        **speaker(folder),
        transformer=networks[0],
        unconditional_transformer=networks[1],
        vae=normed_autoencoder(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def z_image(folder: Path) -> Any:
    """Of Z-Image's kind: lists of pictures and texts, refiners, one sequence with the picture first."""
    return pipeline(
        "ZImagePipeline",
        diffusers.ZImageTransformer2DModel(
            in_channels=4,
            dim=16,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=WIDE,
            axes_dims=[2, 2, 4],
            axes_lens=[1024, 32, 32],
        ),
        speaker(folder),
        vae=shifted_autoencoder(),
        scheduler=shifted(),
    )


def lumina_2(folder: Path) -> Any:
    """Of Lumina 2's kind: refiners, one sequence in which a picture begins where its text ends."""
    return pipeline(
        "Lumina2Pipeline",
        diffusers.Lumina2Transformer2DModel(
            sample_size=16,
            in_channels=4,
            hidden_size=16,
            num_layers=2,
            num_refiner_layers=1,
            num_attention_heads=2,
            num_kv_heads=1,
            multiple_of=8,
            axes_dim_rope=(4, 2, 2),
            axes_lens=(300, 32, 32),
            cap_feat_dim=WIDE,
        ),
        speaker(folder),
        vae=shifted_autoencoder(blocks=4),
    )


def aura_flow(folder: Path) -> Any:
    """Of AuraFlow's kind: joint and single blocks, registers before the text."""
    tokenizer, encoder = t5(folder, WIDE)
    return pipeline(
        "AuraFlowPipeline",
        diffusers.AuraFlowTransformer2DModel(
            sample_size=16,
            in_channels=4,
            num_mmdit_layers=1,
            num_single_dit_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=WIDE,
            caption_projection_dim=16,
            pos_embed_max_size=256,
        ),
        {"tokenizer": tokenizer, "text_encoder": encoder},
    )


def sana(folder: Path) -> Any:
    """Of Sana's kind: linear attention, a deep-compression autoencoder."""
    vae = diffusers.AutoencoderDC(
        latent_channels=4,
        attention_head_dim=4,
        encoder_block_types=("ResBlock", "EfficientViTBlock"),
        decoder_block_types=("ResBlock", "EfficientViTBlock"),
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        encoder_qkv_multiscales=((), (5,)),
        decoder_qkv_multiscales=((), (5,)),
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        upsample_block_type="interpolate",
        downsample_block_type="stride_conv",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        scaling_factor=0.41407,
    )
    return pipeline(
        "SanaPipeline",
        diffusers.SanaTransformer2DModel(
            in_channels=4,
            out_channels=4,
            num_layers=2,
            num_attention_heads=2,
            attention_head_dim=8,
            num_cross_attention_heads=2,
            cross_attention_head_dim=8,
            cross_attention_dim=16,
            caption_channels=WIDE,
            sample_size=16,
        ),
        speaker(folder),
        vae=vae.eval(),
    )


def prx(folder: Path) -> Any:
    """Of PRX's kind: the picture's tokens attend to the text's."""
    pipe = pipeline(
        "PRXPipeline",
        diffusers.PRXTransformer2DModel(
            in_channels=4,
            context_in_dim=WIDE,
            hidden_size=16,
            num_heads=2,
            depth=2,
            axes_dim=[4, 4],
        ),
        speaker(folder),
        vae=shifted_autoencoder(),
        default_sample_size=32,
    )
    pipe.text_preprocessor.clean_text = str  # its cleaning needs a package of its own
    return pipe


COG = {
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "text_embed_dim": WIDE,
    "time_embed_dim": 8,
    "condition_dim": 4,
    "sample_size": 16,
}


def cogview_3(folder: Path) -> Any:
    """Of CogView 3 plus' kind: text and picture attend jointly, a diffusion's scheduler."""
    tokenizer, encoder = t5(folder, WIDE)
    scheduler = diffusers.DDIMScheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"
    )
    return pipeline(
        "CogView3PlusPipeline",
        diffusers.CogView3PlusTransformer2DModel(**COG, pos_embed_max_size=16),
        {"tokenizer": tokenizer, "text_encoder": encoder},
        scheduler=scheduler,
    )


def cogview_4(folder: Path) -> Any:
    """Of CogView 4's kind: two calls a step."""
    return pipeline(
        "CogView4Pipeline",
        diffusers.CogView4Transformer2DModel(**COG, rope_axes_dim=(8, 8)),
        speaker(folder),
        scheduler=shifted(),
    )


def hunyuan_dit(folder: Path) -> Any:
    """Of HunyuanDiT's kind: two text encoders, blocks with long skips."""
    from transformers import BertConfig, BertModel

    tokenizer = tiny_tokenizer(folder / "bert")
    tokenizer_2, encoder_2 = t5(folder / "t5", WIDE)
    bert = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDE,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=77,
    )
    return pipeline(
        "HunyuanDiTPipeline",
        diffusers.HunyuanDiT2DModel(
            sample_size=16,
            num_layers=4,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            hidden_size=16,
            in_channels=4,
            cross_attention_dim=WIDE,
            cross_attention_dim_t5=WIDE,
            pooled_projection_dim=16,
            activation_fn="gelu-approximate",
            mlp_ratio=1.0,
        ),
        {
            "tokenizer": tokenizer,
            "text_encoder": BertModel(bert).eval(),
            "tokenizer_2": tokenizer_2,
            "text_encoder_2": encoder_2,
        },
        vae=autoencoder(blocks=4),
        scheduler=diffusers.DDPMScheduler(**NOISE, prediction_type="v_prediction"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def kandinsky_3(folder: Path) -> Any:
    """Of Kandinsky 3's kind: another U-Net, a quantised autoencoder by another name."""
    tokenizer, encoder = t5(folder, WIDE)
    movq = diffusers.VQModel(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        num_vq_embeddings=12,
        norm_num_groups=4,
        vq_embed_dim=4,
    )
    unet = diffusers.Kandinsky3UNet(
        in_channels=4,
        time_embedding_dim=8,
        groups=2,
        attention_head_dim=4,
        layers_per_block=2,
        block_out_channels=(32, 64),
        cross_attention_dim=8,
        encoder_hid_dim=WIDE,
    )
    return diffusers.Kandinsky3Pipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        unet=lively(unet),
        scheduler=diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=False),
        movq=movq.eval(),
    )


FLOWS: dict[str, Callable[[Path], Any]] = {
    "flux": flux,
    "flux 2": flux_2,
    "flux 2 klein": klein,
    "chroma": chroma,
    "ovis": ovis,
    "qwen": qwen,
    "qwen 2.1": qwen_2_1,
    "nucleus": nucleus,
    "krea 2": krea_2,
    "ideogram 4": ideogram_4,
    "z-image": z_image,
    "lumina 2": lumina_2,
    "auraflow": aura_flow,
    "sana": sana,
    "prx": prx,
    "cogview 3": cogview_3,
    "cogview 4": cogview_4,
    "hunyuandit": hunyuan_dit,
    "kandinsky 3": kandinsky_3,
}
