"""Chameleon: pictures are codes of a VQGAN in the words' own vocabulary, one softmax over both (2024, section 2.1)."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from trenza.towers.language import LanguageConfig, LanguageModel
from trenza.towers.vqgan import VQConfig, VQEncoder

_DIGITS = str.maketrans("ABCDEFGHIJ", "0123456789")


@dataclass(frozen=True)
class ChameleonConfig:
    """vocabulary: number of each token by its text; "IMGIMGBCZ" stands for code 12, letters being digits."""

    language: LanguageConfig
    pictures: VQConfig
    vocabulary: dict[str, int]

    @cached_property
    def image_token(self) -> int:
        """The token that stands once for each of a picture's codes."""
        return self.vocabulary["<image>"]

    @cached_property
    def token_of_code(self) -> Tensor:
        """The vocabulary's token for each code, [codes]."""
        codes = {int(t[6:-1].translate(_DIGITS)): n for t, n in self.vocabulary.items() if t.startswith("IMGIMG")}
        return torch.tensor([codes[code] for code in range(len(codes))])


class Chameleon(nn.Module):
    def __init__(self, config: ChameleonConfig):
        super().__init__()
        self.config = config
        self.pictures = VQEncoder(config.pictures)
        self.language = LanguageModel(config.language)

    def picture_tokens(self, pixels: Tensor) -> Tensor:
        """Pixels [N, 3, H, W] in -1..1 to tokens [N, places]."""
        return self.config.token_of_code[self.pictures(pixels)]

    def forward(self, tokens: Tensor, pixels: Tensor) -> Tensor:
        """Tokens [B, T] with places held for the rows' pictures [N, 3, H, W], to logits [B, T, V].

        The codes' logits stand among the words'; transformers hides them, so that its Chameleon can't draw.
        """
        held = tokens == self.config.image_token
        tokens = torch.masked_scatter(tokens, held, self.picture_tokens(pixels))
        return self.language.logits(self.language(self.language.embed(tokens)))
