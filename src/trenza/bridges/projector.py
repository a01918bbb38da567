"""Projectors: each feature becomes tokens of the language model, by itself.

`linear` is LLaVA's first (Liu et al. 2023, section 4.1), `mlp` its second (Liu et al. 2024, section 3.2).
`memory` is an MLP whose hidden units compete: a softmax stands where GELU stood, so that the feature
attends to a learned table of keys, one a name, and reads out their values (Sukhbaatar et al. 2015,
section 2). It needs few pairs, because keys can start as a classifier's weight vectors and values as
the embeddings of the names' own words.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from trenza.errors import WeightsError

KINDS = ("linear", "mlp", "memory")


@dataclass(frozen=True)
class ProjectorConfig:
    kind: str
    features: int
    out: int
    hidden: int = 0
    tokens: int = 1  # a feature becomes so many

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise WeightsError(f"projector kind {self.kind!r} is unknown; known: {', '.join(KINDS)}")


class Projector(nn.Module):
    def __init__(self, config: ProjectorConfig):
        super().__init__()
        self.config = config
        inner = config.features if config.kind == "linear" else config.hidden
        if config.kind != "linear":
            self.linear_1 = nn.Linear(config.features, config.hidden)
        self.linear_2 = nn.Linear(inner, config.out * config.tokens)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, S, features] to tokens [B, S * tokens, out]."""
        x = features
        if self.config.kind != "linear":
            x = self.linear_1(x)
            x = F.gelu(x) if self.config.kind == "mlp" else x.softmax(-1)
        return self.linear_2(x).unflatten(-1, (self.config.tokens, self.config.out)).flatten(1, 2)
