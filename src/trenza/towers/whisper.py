"""Whisper: audio encoder and text decoder (Radford et al. 2022, "Robust Speech Recognition", section 2)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.errors import WeightsError
from trenza.layers import masks
from trenza.layers.block import Block, BlockConfig
from trenza.layers.cache import KVCache
from trenza.towers.encoder_decoder import Context, stream

SAMPLE_RATE = 16_000
WINDOW, HOP = 400, 160  # 25 ms windows, 10 ms apart; the encoder halves that to 20 ms a token
CHUNK_SECONDS = 30
TOKENS_PER_SECOND = 50


@dataclass(frozen=True)
class WhisperConfig:
    width: int = 384
    heads: int = 6
    inner: int = 1536
    encoder_layers: int = 4
    decoder_layers: int = 4
    mels: int = 80
    vocabulary: int = 51864
    audio_tokens: int = 1500
    text_tokens: int = 448
    start: int = 50257  # the decoder's first token, and the one that ends a text; those of the English models
    end: int = 50256

    @classmethod
    def from_transformers(cls, config: Mapping[str, Any]) -> "WhisperConfig":
        return cls(
            config["d_model"], config["encoder_attention_heads"], config["encoder_ffn_dim"],
            config["encoder_layers"], config["decoder_layers"], config["num_mel_bins"],
            config["vocab_size"], config["max_source_positions"], config["max_target_positions"],
            config.get("decoder_start_token_id", cls.start), config.get("eos_token_id", cls.end),
        )  # fmt: skip

    def block(self, cross: bool) -> BlockConfig:
        return BlockConfig(self.width, self.heads, self.inner, bias="qvo", cross=cross)


def _slaney_mel(hertz: Tensor) -> Tensor:
    """Linear below 1 kHz, logarithmic above (Slaney's Auditory Toolbox, 1998)."""
    linear = hertz * 3 / 200
    return torch.where(hertz < 1000, linear, 15 + torch.log(hertz.clamp(min=1) / 1000) * 27 / math.log(6.4))


def mel_filters(mels: int) -> Tensor:
    """Triangular filters of equal area, [mels, 201]."""
    bins = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)
    top = _slaney_mel(torch.tensor(SAMPLE_RATE / 2, dtype=torch.float64))
    points = torch.linspace(0, 1, mels + 2, dtype=torch.float64) * top
    corners = torch.where(points < 15, points * 200 / 3, 1000 * torch.exp((points - 15) * math.log(6.4) / 27))
    low, centre, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangle = torch.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clamp(min=0)
    return (triangle * 2 / (high - low)).float()


def log_mel(samples: Tensor, mels: int = 80) -> Tensor:
    """Samples [..., N] at 16 kHz to [..., mels, N // 160], scaled as Whisper was trained (section 2.2)."""
    spectrum = torch.stft(samples, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True)
    power = spectrum[..., :-1].abs().square()  # [..., 201, frames]
    log = (mel_filters(mels) @ power).clamp(min=1e-10).log10()
    log = torch.maximum(log, log.amax((-2, -1), keepdim=True) - 8.0)
    return (log + 4.0) / 4.0


def pad_seconds(samples: Tensor, seconds: float) -> Tensor:
    """Cut or pad with silence to exactly `seconds`."""
    size = round(seconds * SAMPLE_RATE)
    return F.pad(samples[..., :size], (0, max(0, size - samples.shape[-1])))


class WhisperEncoder(nn.Module):
    def __init__(self, config: WhisperConfig):
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.mels, config.width, 3, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(config.audio_tokens, config.width))
        self.blocks = nn.ModuleList(Block(config.block(False)) for _ in range(config.encoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, mel: Tensor) -> Tensor:
        """Log-mel [B, mels, frames] to features [B, frames / 2, width]; at most 30 s at once."""
        return self.norm(self.depths(mel)[-1])

    def depths(self, mel: Tensor) -> list[Tensor]:
        """As `forward`, what comes out of each block, before the last norm."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)  # [B, T, D]
        x = x + self.positions[: x.shape[1]]
        found = []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return found


class WhisperDecoder(nn.Module):
    """`like`: another decoder whose embedding and positions this one uses as well."""

    def __init__(self, config: WhisperConfig, like: "WhisperDecoder | None" = None):
        super().__init__()
        self.config = config
        self.embedding: nn.Embedding = like.embedding if like else nn.Embedding(config.vocabulary, config.width)
        made = torch.zeros(config.text_tokens, config.width)
        self.positions: nn.Parameter = like.positions if like else nn.Parameter(made)
        self.blocks = nn.ModuleList(Block(config.block(True)) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def new_cache(self, batch: int, length: int) -> KVCache:
        config = self.config
        dtype = self.embedding.weight.dtype
        return KVCache(config.decoder_layers, batch, config.heads, length, config.width // config.heads, dtype)

    def remember(self, features: Tensor) -> Context:
        """Keys and values of features [B, S, width], once a layer: they don't change while the words come."""
        return [block.cross.keys_values(features) for block in self.blocks]  # type: ignore[union-attr, operator]

    def states(
        self, tokens: Tensor, features: Tensor | Context, cache: KVCache | None = None, seen: Tensor | None = None
    ) -> Tensor:
        """Tokens [B, T] and audio features [B, S, width] (or their keys and values) to states [B, T, width].

        `seen` [B, 1, 1, S] is False where a row's features are padding.
        """
        past = cache.used if cache is not None else 0
        count = tokens.shape[1]
        x = self.embedding(tokens) + self.positions[past : past + count]
        mask = masks.causal(count, past) if count > 1 else None
        for layer, block in enumerate(self.blocks):
            context = features[layer] if isinstance(features, list) else features
            x = block(x, mask, None, cache, layer, context, seen)
        if cache is not None:
            cache.advance(count)
        return self.norm(x)

    def logits(self, states: Tensor) -> Tensor:
        """States [..., width] to logits [..., V]; the embedding is tied."""
        return F.linear(states, self.embedding.weight)

    def forward(self, tokens: Tensor, features: Tensor | Context, cache: KVCache | None = None) -> Tensor:
        """As `states`, to logits [B, T, V]."""
        return self.logits(self.states(tokens, features, cache))


class Whisper(nn.Module):
    def __init__(self, config: WhisperConfig):
        super().__init__()
        self.config = config
        self.encoder = WhisperEncoder(config)
        self.decoder = WhisperDecoder(config)

    @torch.no_grad()
    def transcribe(
        self, features: Tensor, prompt: list[int], end: int, never: Sequence[int] = (), never_first: Sequence[int] = ()
    ) -> Iterator[int]:
        """Greedy text tokens for features [1, S, width], until `end` or the decoder's length."""
        context = self.decoder.remember(features)
        length = self.config.text_tokens
        return stream(self.decoder, context, prompt, end, length, never=never, never_first=never_first)


BLOCK_NAMES = {
    "self_attn_layer_norm": "attention_norm", "final_layer_norm": "mlp_norm",
    "encoder_attn_layer_norm": "cross_norm", "fc1": "mlp.up", "fc2": "mlp.down",
    "self_attn.q_proj": "attention.q", "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v", "self_attn.out_proj": "attention.out",
    "encoder_attn.q_proj": "cross.q", "encoder_attn.k_proj": "cross.k",
    "encoder_attn.v_proj": "cross.v", "encoder_attn.out_proj": "cross.out",
}  # fmt: skip


def from_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a public Whisper checkpoint to ours."""
    converted = {}
    for name, tensor in weights.items():
        if name == "proj_out.weight":  # tied to the decoder's embedding
            continue
        half, path = name.removeprefix("model.").split(".", 1)
        if path.startswith("layers."):
            _, number, rest = path.split(".", 2)
            owner, leaf = rest.rsplit(".", 1)
            if owner not in BLOCK_NAMES:
                raise WeightsError(f"tensor {name} has no place in a Whisper block")
            path = f"blocks.{number}.{BLOCK_NAMES[owner]}.{leaf}"
        path = path.replace("embed_positions.weight", "positions").replace("embed_tokens", "embedding")
        path = path.replace("layer_norm.", "norm.") if path.startswith("layer_norm") else path
        converted[f"{half}.{path}"] = tensor
    return converted


def build(config: Mapping[str, Any], weights: Mapping[str, Tensor], dtype: torch.dtype) -> Whisper:
    """A model with its weights, in `dtype`."""
    with torch.device("meta"):
        model = Whisper(WhisperConfig.from_transformers(config))
    renamed = {k: v.to(dtype) for k, v in from_transformers(weights).items()}
    model.load_state_dict(renamed, strict=True, assign=True)
    return model.eval().requires_grad_(False)
