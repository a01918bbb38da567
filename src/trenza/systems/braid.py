"""The first braid, the embedded default: LLaVA with a memory for a projector and Whisper's decoder for a listener."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.bridges.projector import Projector, ProjectorConfig
from trenza.bridges.vocabulary import VocabularyBridge
from trenza.systems.splice import Piece, splice
from trenza.towers.efficientnet import EfficientNet, EfficientNetConfig
from trenza.towers.language import LanguageModel
from trenza.towers.whisper import Whisper, WhisperConfig, WhisperDecoder


@dataclass(frozen=True)
class BraidConfig:
    """What the trained part consists of; the language model and Whisper are named, not contained."""

    pixels: tuple[int, ...]  # a picture is seen at each of these sizes, and its features averaged
    marks: int  # learned tokens before and after each medium
    tower: EfficientNetConfig
    projector: ProjectorConfig
    listener: WhisperConfig
    words: int  # of Whisper's vocabulary that are text

    @classmethod
    def from_dict(cls, config: dict) -> "BraidConfig":
        return cls(
            tuple(config["pixels"]), config["marks"], EfficientNetConfig(**config["tower"]),
            ProjectorConfig(**config["projector"]), WhisperConfig(**config["listener"]), config["words"],
        )  # fmt: skip


class Braid(nn.Module):
    """The trained part: picture tower and bridge, listener and speech bridge, and the marks around media.

    The listener's embedding and positions are Whisper's own, shared, neither trained nor stored again.
    """

    def __init__(self, config: BraidConfig, whisper: Whisper):
        super().__init__()
        self.config = config
        self.tower = EfficientNet(config.tower)
        self.projector = Projector(config.projector)
        self.listener = WhisperDecoder(config.listener, whisper.decoder)
        self.speech = VocabularyBridge(config.words)
        self.marks = nn.ParameterDict({
            f"{kind}_{side}": nn.Parameter(torch.randn(config.marks, config.projector.out) * 0.1)
            for kind in ("picture", "sound") for side in ("begin", "end")
        })  # fmt: skip

    @torch.no_grad()
    def picture_features(self, pixels: Tensor) -> Tensor:
        """uint8 [N, size, size, 3] to one feature a picture [N, 1, 1280]: the mean over the map and the sizes."""
        x = EfficientNet.normalise(pixels.permute(0, 3, 1, 2))
        seen = []
        for size in self.config.pixels:
            scaled = F.interpolate(x, size=size, mode="bicubic", antialias=True).clamp(-127 / 128, 1)
            seen.append(self.tower(scaled).mean((2, 3)))
        return torch.stack(seen).mean(0)[:, None]

    def marked(self, kind: str, tokens: Tensor) -> Tensor:
        """Tokens [T, D] of one medium between its marks."""
        return torch.cat([self.marks[f"{kind}_begin"], tokens, self.marks[f"{kind}_end"]])

    def picture_tokens(self, features: Tensor) -> Tensor:
        """Features of one picture or of a video's frames [N, 1, 1280] to language tokens [T, D]."""
        return self.marked("picture", self.projector(features).flatten(0, 1))

    def sound_tokens(self, states: Tensor, table: Tensor) -> Tensor:
        """The listener's states of all that was heard [n, 384] to language tokens [T, D].

        table: the language model's embeddings [V, D].
        """
        return self.marked("sound", self.speech(states, self.listener.embedding.weight, table))


class Braided(nn.Module):
    def __init__(self, language: LanguageModel, whisper: Whisper, braid: Braid):
        super().__init__()
        self.language, self.whisper, self.braid = language, whisper, braid

    def hidden(self, sequences: list[list[Piece]]) -> tuple[Tensor, Tensor]:
        """Prompts of any lengths to hidden states [B, T, D] (padded at the end) and lengths [B]."""
        spliced = [splice(self.language.embedding, pieces) for pieces in sequences]
        lengths = torch.tensor([len(s) for s in spliced])
        return self.language(nn.utils.rnn.pad_sequence(spliced, batch_first=True)), lengths
