"""Projectors: each feature becomes tokens of the language model, by itself.

`linear` is LLaVA's first (Liu et al. 2023, section 4.1), `mlp` its second (Liu et al. 2024, section 3.2).
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from trenza.errors import WeightsError

KINDS = ("linear", "mlp")


@dataclass(frozen=True)
class ProjectorConfig:
    kind: str
    features: int
    out: int
    hidden: int = 0

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
        self.linear_2 = nn.Linear(inner, config.out)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, S, features] to tokens [B, S, out]."""
        x = features if self.config.kind == "linear" else F.gelu(self.linear_1(features))
        return self.linear_2(x)
