"""How the features of every kind of medium enter a bridge that reads them with attention: one width, place and time."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.errors import UsageError


@dataclass(frozen=True)
class InputsConfig:
    """features: their width by kind of medium; what isn't `width` wide is normed and projected.

    cells: how many features a picture, a frame or a window has, by kind; each cell then carries a learned position.
    Kinds without have none, as in Flamingo and BLIP-2. times: learned embeddings of the frame's time; 0 has none.
    """

    features: dict[str, int]
    width: int
    cells: dict[str, int] = field(default_factory=dict)
    times: int = 0


class Inputs(nn.Module):
    def __init__(self, config: InputsConfig):
        super().__init__()
        self.config, width = config, config.width
        self.kinds = nn.ModuleDict({
            kind: nn.Identity() if own == width else nn.Sequential(nn.LayerNorm(own), nn.Linear(own, width))
            for kind, own in config.features.items()
        })  # fmt: skip
        self.cells = nn.ParameterDict(
            {kind: torch.randn(cells, width) * 0.02 for kind, cells in config.cells.items()}
        )  # fmt: skip
        if config.times:
            self.times = nn.Parameter(torch.randn(config.times, width) * 0.02)

    def forward(self, features: Tensor, kind: str) -> Tensor:
        """Features [B, N, T, W] of B media of one kind to [B, N * T, D]. Raises UsageError for another number T."""
        x = self.kinds[kind](features)  # [B, N, T, D]
        if kind in self.cells:
            if x.shape[2] != len(self.cells[kind]):
                raise UsageError(f"{kind} features have {x.shape[2]} cells, this bridge takes {len(self.cells[kind])}")
            x = x + self.cells[kind]
        if self.config.times:
            x = x + self.time(x.shape[1])[:, None]
        return x.flatten(1, 2)

    def time(self, count: int) -> Tensor:
        """The embeddings of `count` points in time [count, D]; more than the table has stretch it (Flamingo, 3.1.1)."""
        if count <= len(self.times):
            return self.times[:count]
        return F.interpolate(self.times.T[None], size=count, mode="linear", align_corners=True)[0].T
