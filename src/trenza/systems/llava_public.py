"""LLaVA as it is published: a CLIP or SigLIP tower, two linear layers, a language model (Liu et al. 2024, section 3.2).

The bench's own LLaVA (`llava.py`) trains a bridge around pinned parts; this one has all parts inside, as the public
checkpoints do, and is the way to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from trenza.bridges.projector import Projector, ProjectorConfig
from trenza.systems.decoding import DecoderSystem, check_kinds
from trenza.systems.examples import Medium
from trenza.towers.language import LanguageConfig, LanguageModel
from trenza.towers.vit import ViT, ViTConfig


@dataclass(frozen=True)
class PublicLlavaConfig:
    """skip_last: blocks of the tower left out. class_token: it is kept among the features. image_token: holds the
    place of a feature in prompts for the public format.
    """

    vision: ViTConfig
    language: LanguageConfig
    skip_last: int = 1
    class_token: bool = False
    image_token: int = 32000


class PublicLlava(DecoderSystem):
    def __init__(self, config: PublicLlavaConfig):
        super().__init__()
        self.config, self.places = config, None
        self.vision = ViT(config.vision)
        self.language = LanguageModel(config.language)
        width = config.language.block.width
        self.projector = Projector(ProjectorConfig("mlp", config.vision.block.width, width, hidden=width))

    def see(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [N, 3, H, W] through the tower, to features [N, T, W]."""
        features = self.vision.states(pixels, self.config.skip_last)
        return features if self.config.class_token or not self.config.vision.class_token else features[:, 1:]

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """Each picture as tokens [T, D]. Raises UsageError on another medium."""
        check_kinds(media, ("image", "video"), "LLaVA")
        return [self.projector(m.features.to(self.projector.linear_2.weight.dtype)).flatten(0, 1) for m in media]
