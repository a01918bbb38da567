"""Which known drawing a thing is laid out like: hands differ in line and colour, less in what they draw where.

Features averaged over a whole map forget where in it they were. Here each map of a thing is pooled to a few cells,
turned by linear discriminants (Fisher 1936; Rao 1948), in which two hands' drawings of one name lie close, and compared
with those of the drawings of training: the nearest counts (Cover & Hart 1967).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.errors import WeightsError

CELLS = 4  # a side, of each map
STEPS = 127
SOFT = 0.03  # cosine around `near` in which comparing fades in


@dataclass(frozen=True)
class LikenessConfig:
    """drawings: how many are known. directions: of the discriminants, of each map.

    weight: nats that a cosine of 1 is worth in the names' scores. trust: power of the names' own chances beside it.
    near: cosine from which something is taken to be among what is known at all. How they were chosen stands in
    default_objects/README.md.
    """

    drawings: int
    directions: int = 128
    weight: float = 15.0
    trust: float = 0.4
    near: float = 0.35


def cells(maps: Tensor) -> Tensor:
    """[K, C, h, w] to [K, C * CELLS * CELLS]."""
    return F.adaptive_avg_pool2d(maps.float(), CELLS).flatten(1)


class Likeness(nn.Module):
    """widths: channels of each map that is compared; names: how many there are."""

    def __init__(self, config: LikenessConfig, widths: Sequence[int], names: int):
        super().__init__()
        if config.drawings < 1:
            raise WeightsError(f"likeness to {config.drawings} drawings can't be told; give at least one")
        self.config = config
        self.turns = nn.ModuleList(nn.Linear(CELLS * CELLS * width, config.directions) for width in widths)
        # Unit vectors times STEPS: a byte a number, since they are most of what is stored.
        drawings = torch.zeros(len(widths), config.drawings, config.directions, dtype=torch.int8)
        self.register_buffer("drawings", drawings)
        self.register_buffer("named", torch.zeros(config.drawings, dtype=torch.long))
        self.drawings: Tensor
        self.named: Tensor
        self.names = names

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps of K things, each [K, C, h, w], to how like the likest drawing of each name they are, [K, names].

        That is the mean over maps of the cosine, -1 to 1; -inf where no drawing has the name.
        """
        alike = torch.zeros(len(maps[0]), self.config.drawings)
        for turn, drawings, seen in zip(self.turns, self.drawings, maps, strict=True):
            alike += F.normalize(turn(cells(seen)), dim=-1) @ drawings.float().T
        best = torch.full((len(alike), self.names), -torch.inf)
        return best.scatter_reduce(1, self.named.expand(len(alike), -1), alike / (STEPS * len(self.turns)), "amax")

    def weigh(self, chances: Tensor, alike: Tensor) -> Tensor:
        """Probabilities of names [K, names] and `forward`'s to probabilities that take both into account.

        Names that no drawing has keep their probability: about them likeness says nothing. So do all where no drawing
        is near, as for photographs.
        """
        drawn = alike > -torch.inf
        nearest = alike.amax(-1, keepdim=True)
        scores = self.config.trust * chances.clamp(min=1e-30).log()
        scores = torch.where(drawn, scores + self.config.weight * (alike - nearest), -torch.inf)
        whole = torch.where(drawn, chances, 0).sum(-1, keepdim=True)
        weighed = scores.softmax(-1) * whole  # 0 where no drawing has the name
        known = torch.sigmoid((nearest - self.config.near) / SOFT)
        return torch.where(drawn, known * weighed + (1 - known) * chances, chances)
