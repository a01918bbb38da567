"""The embedded space: texts, pictures and sounds through frozen towers, each with a small trained head.

What the towers see is the same when it is trained (align/space.py) and when it is used. Pictures: EfficientNet-Lite2's
last map averaged, at two sizes. Sounds: Whisper's encoder over windows of 3 s, ten states a second. Texts: states of
the language model averaged over the words, from some of its lower layers; the layers above are never run.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.checkpoints import parts
from trenza.checkpoints.folder import fill, load_folder
from trenza.checkpoints.settings import parse
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.errors import WeightsError
from trenza.layers import masks
from trenza.layers.block import BlockConfig
from trenza.signals import Audio, Image, Video
from trenza.signals.normalise import square
from trenza.systems.clip import Space
from trenza.towers import hearing
from trenza.towers.efficientnet import EfficientNet, quick
from trenza.towers.language import LanguageModel
from trenza.towers.vit import AttentionPool
from trenza.towers.whisper import Whisper

FOLDER = Path(__file__).parents[1] / "default_space"
FRAMES = 8  # of a video that are looked at
MOST_WINDOWS = 10  # of a sound: half a minute
STATE = 5  # Whisper's states that become one: ten a second
MOST_TOKENS = 48  # of a text; a caption is shorter
BATCH = 16


@dataclass(frozen=True)
class SpaceConfig:
    """width: of the space. hidden: of the text head. layers: whose input states a text is read from.

    pixels: sizes at which a picture is seen, the largest first.
    """

    width: int
    hidden: int
    layers: tuple[int, ...]
    pixels: tuple[int, ...]
    language: int = 576
    picture: int = 1280
    audio: int = 384
    references: int = 1024


class Standard(nn.Module):
    """Features in their own standard deviations from their mean, both of the training data."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, features: Tensor) -> None:
        """Take mean and deviation of features [N, width]."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0).clamp(min=1e-4))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


class TextHead(nn.Module):
    def __init__(self, config: SpaceConfig):
        super().__init__()
        features = config.language * len(config.layers)
        self.norm = Standard(features)  # layers differ in size by orders of magnitude
        self.enter, self.leave = nn.Linear(features, config.hidden), nn.Linear(config.hidden, config.width)

    def forward(self, states: Tensor) -> Tensor:
        """[B, layers * 576] to [B, width]."""
        return self.leave(F.gelu(self.enter(self.norm(states))))


class PictureHead(nn.Module):
    def __init__(self, config: SpaceConfig):
        super().__init__()
        features = config.picture * len(config.pixels)
        self.norm = Standard(features)
        self.project = nn.Linear(features, config.width)

    def forward(self, features: Tensor) -> Tensor:
        """[B, sizes * 1280] to [B, width]."""
        return self.project(self.norm(features))


class SoundHead(nn.Module):
    def __init__(self, config: SpaceConfig):
        super().__init__()
        self.norm = nn.LayerNorm(config.audio)
        self.pool = AttentionPool(BlockConfig(config.audio, 6, 2 * config.audio))
        self.project = nn.Linear(config.audio, config.width)

    def forward(self, states: Tensor) -> Tensor:
        """States [B, T, 384] to [B, width]; rows of zeros are padding."""
        heard = states.any(-1)[:, None, None]  # [B, 1, 1, T]
        return self.project(self.pool(self.norm(states), heard))


class Heads(Space):
    """With vectors of ordinary media and texts [references, width], against which is counted what fits anything."""

    pictures: Tensor
    sounds: Tensor
    texts: Tensor

    def __init__(self, config: SpaceConfig):
        super().__init__({"image": PictureHead(config), "text": TextHead(config), "audio": SoundHead(config)})
        self.config = config
        for name in ("pictures", "sounds", "texts"):
            self.register_buffer(name, torch.zeros(config.references, config.width))

    def indexed(self, media: Tensor) -> Tensor:
        """Vectors of media [N, width] with one more number each, [N, width + 1]: less the more texts a medium fits.

        Some media are near to every text. The inner product with a query whose last number is 1 is log p(this text,
        of all | the medium), over the temperature (inverted softmax, Smith et al. 2017, section 2.3).
        """
        usual = (self.temperature * media @ self.texts.T).logsumexp(1) - math.log(len(self.texts))
        return torch.cat([media, -usual[:, None] / self.temperature], 1)

    def support(self, kind: str, medium: Tensor, text: Tensor) -> Tensor:
        """How much a medium [width] raises a text [width], in nats: its logit less the log-mean-exp of the references'.

        As DESIGN's support, with the space's logit of a pair in place of log p. A video counts as a picture.
        """
        references = self.sounds if kind == "audio" else self.pictures
        usual = self.similarity(references, text[None])[:, 0]
        return self.similarity(medium[None], text[None])[0, 0] - usual.logsumexp(0) + math.log(len(references))


@torch.no_grad()
def picture_features(tower: nn.Module, pixels: Tensor, sizes: Sequence[int]) -> Tensor:
    """uint8 [N, 3, S, S] to [N, sizes * 1280], float32. `tower` as `quick` makes it, compiled or not."""
    kind = next(tower.parameters()).dtype
    x = EfficientNet.normalise(pixels)
    seen = []
    for size in sizes:
        scaled = F.interpolate(x, size=size, mode="bicubic", antialias=True).clamp(-127 / 128, 1)
        scaled = scaled.to(kind).contiguous(memory_format=torch.channels_last)
        seen.append(tower(scaled).float().mean((2, 3)))
    return torch.cat(seen, 1)


@torch.no_grad()
def sound_features(whisper: Whisper, samples: np.ndarray) -> list[Tensor]:
    """float32 [N] at 16 kHz to states [T, 384] of each window, float32; ten a second."""
    clips = hearing.windows(torch.from_numpy(samples.copy()))[:MOST_WINDOWS]
    return [thinned(states.float()) for states in hearing.hear(whisper, clips)]


def thinned(states: Tensor) -> Tensor:
    """Whisper's states [T, W], 50 a second, averaged over every `STATE` of them."""
    return F.avg_pool1d(states.T[None], STATE, ceil_mode=True)[0].T


def text_features(model: LanguageModel, tokenizer: Tokenizer, texts: Sequence[str], layers: Sequence[int]) -> Tensor:
    """Texts to the means of their states before each of `layers` [N, layers * 576], float32."""
    spelled = [tokenizer.encode(f" {text.strip().lower()}")[:MOST_TOKENS] or tokenizer.encode(" ") for text in texts]
    return word_states(model, spelled, layers)


@torch.no_grad()
def word_states(model: LanguageModel, texts: Sequence[Sequence[int]], layers: Sequence[int]) -> Tensor:
    """The same of texts as token numbers, none empty."""
    lengths = torch.tensor([len(t) for t in texts])
    padded = nn.utils.rnn.pad_sequence([torch.tensor(list(t)) for t in texts], batch_first=True)
    count = padded.shape[1]
    weight = (torch.arange(count) < lengths[:, None]) / lengths[:, None]  # [N, T], each row sums to 1
    x = model.embedding(padded)
    mask, angles = masks.causal(count), model.rope(torch.arange(count)[None])
    means = {}
    for layer, block in enumerate(model.blocks):
        if layer in layers:
            means[layer] = (x.float() * weight[..., None]).sum(1)
        if layer == max(layers):
            break
        x = block(x, mask, angles)
    return torch.cat([means[layer] for layer in layers], 1)


class Embedder:
    """Signals and texts to unit vectors, float32 [n, width]. Towers are loaded when first needed.

    name: of the weights; vectors of two names can't be compared.
    """

    def __init__(self, heads: Heads, name: str):
        self.heads, self.name = heads.eval(), name

    @property
    def width(self) -> int:
        return self.heads.config.width

    @cached_property
    def _eyes(self) -> EfficientNet:
        return quick(parts.efficientnet_lite2())

    @cached_property
    def _ears(self) -> Whisper:
        from trenza.systems import load

        return load.whisper(torch.bfloat16)

    @cached_property
    def _words(self) -> tuple[LanguageModel, Tokenizer]:
        from trenza.systems import load

        return load.language()

    @torch.no_grad()
    def indexed(self, signals: Sequence[Image | Audio | Video]) -> np.ndarray:
        """Signals as an index keeps them, [n, width + 1]; see `Heads.indexed`."""
        return self.heads.indexed(torch.from_numpy(self.signals(signals))).numpy()

    @staticmethod
    def query(vector: np.ndarray) -> np.ndarray:
        """A unit vector [width] as an index is asked, [width + 1]."""
        return np.append(vector, np.float32(1))

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        config = self.heads.config
        rows = [
            self.heads.embed("text", text_features(*self._words, texts[i : i + BATCH], config.layers))
            for i in range(0, len(texts), BATCH)
        ]
        return self._rows(rows)

    def signals(self, signals: Sequence[Image | Audio | Video]) -> np.ndarray:
        """A video is the mean of its frames, a sound of its windows; the sound of a video is left out."""
        pictures = [frame for s in signals for frame in self._frames(s)]
        seen = iter(self._pictures(pictures))
        rows = []
        for signal in signals:
            if isinstance(signal, Audio):
                rows.append(self._sound(signal))
            else:
                own = torch.stack([next(seen) for _ in self._frames(signal)])
                rows.append(F.normalize(own.mean(0, keepdim=True), dim=-1))
        return self._rows(rows)

    @torch.no_grad()
    def support(self, signal: Image | Audio | Video, text: str) -> float:
        """How much `signal` speaks for `text`, in nats; below 0 an ordinary medium would do as well."""
        medium, said = torch.from_numpy(self.signals([signal])), torch.from_numpy(self.texts([text]))
        return float(self.heads.support(signal.kind, medium[0], said[0]))

    def _rows(self, rows: list[Tensor]) -> np.ndarray:
        return torch.cat(rows).numpy() if rows else np.zeros((0, self.width), np.float32)

    @staticmethod
    def _frames(signal: Image | Audio | Video) -> list[np.ndarray]:
        if isinstance(signal, Image):
            return [signal.pixels]
        if isinstance(signal, Audio):
            return []
        chosen = np.linspace(0, len(signal.frames) - 1, min(FRAMES, len(signal.frames))).round().astype(int)
        return list(signal.frames[chosen])

    @torch.no_grad()
    def _pictures(self, pictures: list[np.ndarray]) -> Tensor:
        sizes = self.heads.config.pixels
        rows = []
        for start in range(0, len(pictures), BATCH):
            squares = [square(Image(p), sizes[0]) for p in pictures[start : start + BATCH]]
            pixels = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)
            rows.append(self.heads.embed("image", picture_features(self._eyes, pixels, sizes)))
        return torch.cat(rows) if rows else torch.zeros(0, self.width)

    @torch.no_grad()
    def _sound(self, sound: Audio) -> Tensor:
        windows = sound_features(self._ears, sound.samples)
        own = torch.cat([self.heads.embed("audio", states[None]) for states in windows])
        return F.normalize(own.mean(0, keepdim=True), dim=-1)


def load(folder: Path = FOLDER) -> Embedder:
    """The trained space from its folder. Raises WeightsError naming the file and the key or tensor that is wrong."""
    config, weights = load_folder(folder)
    if config.pop("system", None) != "space":
        raise WeightsError(f"{folder / 'config.json'} isn't of a space; this one is trained by trenza.align.space")
    try:
        heads = Heads(parse(SpaceConfig, config))
    except WeightsError as error:
        raise WeightsError(f"{folder / 'config.json'}: {error}") from error
    fill(heads, weights, folder / "model.safetensors")
    with (folder / "model.safetensors").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Embedder(heads.requires_grad_(False), f"space-{digest[:12]}")
