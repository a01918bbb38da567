"""What stands in a picture: a glance finds where things are, then a look at each says what it is.

The glance marks centres and the boxes around them (Zhou et al. 2019, "Objects as Points") on EfficientNet's maps of two
depths; it knows no names. Each box is then cut out of the picture and seen at one size (Girshick et al. 2014, section
2), because a name learned from one thing alone holds for a small one in a crowd only if both are seen equally large.
A picture of one thing only is named as a whole instead, as pictures are classified; a photograph by two, since tuning
on drawings costs some of what the tower knew of photographs: the untouched tower speaks too. What is drawn is also
compared with the drawings of training, part by part (`likeness.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.bridges.perceived import BOX
from trenza.errors import WeightsError
from trenza.towers.boxes import HALF, alone, inset, standing
from trenza.towers.efficientnet import EfficientNet, EfficientNetConfig
from trenza.towers.glance import Glance
from trenza.towers.likeness import Likeness, LikenessConfig

RIVALS = 8  # likeliest names that are kept of each object
COLOURS = 9  # its own, then `data/worlds/drawing.COLOURS` in order
SHAPES = ("circle", "rectangle", "triangle")
UNPAINTED = ("black", "brown", "teal")  # none of those COLOURS: a shape is called after them, and in its own
COLUMNS = 2 * RIVALS + 4 + 1 + COLOURS  # of a row; see `ObjectDetector.detect`
MARGIN = 0.08  # of the longer side, around a thing before it is looked at
PATCH = 32  # pixels a side of what colours are read from
FINE_STAGE, COARSE_STAGE = 2, 4  # whose maps the glance reads: strides 8 and 16
COMPARED_STAGES = (3, 4, 5)  # whose maps are compared with those of known drawings
BATCH = 64  # things looked at in one pass
JUDGED_STAGE = 3  # of the untouched tower, by whose maps photographs are told from drawings
UNTOUCHED_PIXELS = 260  # at which the untouched tower sees a photograph
UNTOUCHED_SHARE = 0.5  # of a photograph's names, before those of ImageNet are shared out
SHARPER = 3.0  # power of a whole picture's names: a name that is a blend of many can't be read


@dataclass(frozen=True)
class ObjectsConfig:
    tower: EfficientNetConfig
    names: tuple[str, ...]  # what the numbers of names mean
    rank: int  # of the table of names: names share so many directions of the tower's 1280
    glance: int  # pixels a side at which the whole picture is seen
    look: int  # pixels a side at which each thing is seen
    closer: int = 0  # the same of a thing of more than HALF the picture, which has more to show; 0: as any other
    whole: tuple[int, ...] = ()  # pixels a side at which a picture of one thing is seen to name it; none: as any other
    imagenet: tuple[int, ...] = ()  # the names of the untouched tower's classes, by number; none: it isn't asked
    width: int = 64  # of the glance
    least: float = 0.5  # score below which nothing is reported; calibrated, see the model card
    sharpness: float = 1.0  # the names' scores times this, so that probabilities hold; calibrated likewise
    likeness: LikenessConfig | None = None  # none: nothing is compared with known drawings

    @classmethod
    def from_dict(cls, config: dict) -> "ObjectsConfig":
        known = {k: v for k, v in config.items() if k != "tower"}
        lists = {key: tuple(known[key]) for key in ("names", "whole", "imagenet") if key in known}
        if known.get("likeness"):
            known["likeness"] = LikenessConfig(**known["likeness"])
        return cls(EfficientNetConfig(**config["tower"]), **(known | lists))


class ObjectDetector(nn.Module):
    """The tower is shared: its maps up to stride 16 carry the glance, the rest of it the names."""

    def __init__(self, config: ObjectsConfig):
        super().__init__()
        self.config = config
        self.tower = EfficientNet(config.tower)
        self.tower.classifier = nn.Identity()  # type: ignore[assignment]  # of ImageNet's classes; nothing reads it
        widths = config.tower.widths
        self.glance = Glance(widths[FINE_STAGE], widths[COARSE_STAGE], config.width)
        self.directions = nn.Linear(config.tower.width, config.rank, bias=False)
        self.names = nn.Linear(config.rank, len(config.names))
        self.keys = nn.Linear(config.tower.width, len(config.names)) if config.whole else None  # of whole pictures
        self.photographed = nn.Linear(2 * widths[JUDGED_STAGE], 1) if config.imagenet else None  # or drawn
        compared = [widths[stage] for stage in COMPARED_STAGES]
        self.likeness = Likeness(config.likeness, compared, len(config.names)) if config.likeness else None
        shapes = {f"{colour} {shape}" for colour in UNPAINTED for shape in SHAPES}
        called = [name in shapes for name in config.names]
        self.register_buffer("called", torch.tensor(called), persistent=False)
        self.called: Tensor
        self.register_buffer("of_imagenet", torch.tensor(config.imagenet, dtype=torch.long), persistent=False)
        self.of_imagenet: Tensor
        self.untouched: tuple[EfficientNet, ...] = ()  # one at most; its weights aren't stored here
        self.colours = nn.Sequential(
            nn.Conv2d(3, 24, 3, 2, 1), nn.ReLU(), nn.Conv2d(24, 48, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(48, 96, 3, 2, 1), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(384, COLOURS),
        )  # fmt: skip

    def maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised [B, 3, S, S] to the maps at stride 8 and 16."""
        fine, coarse = self.tower.stages(x, (FINE_STAGE, COARSE_STAGE))
        return fine, coarse

    def features(self, seen: Tensor, stage: int = COARSE_STAGE) -> Tensor:
        """Maps of things after `stage`, [B, C, h, w], to what they are named by, [B, 1280]."""
        return self.tower.rest(seen, stage).mean((2, 3))

    @torch.no_grad()
    def find(self, pixels: Tensor) -> list[tuple[Tensor, Tensor]]:
        """uint8 [N, H, W, 3], squares, to scores [K] and boxes [K, 4] of each picture, the surest first."""
        logits, boxes = self.glance(*self.maps(seen(pixels.permute(0, 3, 1, 2), self.config.glance)))
        return [standing(s, b, self.config.least) for s, b in zip(logits.sigmoid(), boxes, strict=True)]

    @torch.no_grad()
    def describe(self, pixels: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """One picture uint8 [H, W, 3] and boxes [K, 4] to probabilities of names [K, N] and of colours [K, 9]."""
        large = (boxes[:, 2:] - boxes[:, :2]).amax(1) > HALF
        features = torch.zeros(len(boxes), self.config.tower.width)
        alike = torch.zeros(len(boxes), len(self.config.names))
        for chosen, size in ((large, self.config.closer or self.config.look), (~large, self.config.look)):
            for part in filter(len, chosen.nonzero()[:, 0].split(BATCH)):
                maps = self.compared(normalised(torch.cat([cut(pixels, box, size, MARGIN) for box in boxes[part]])))
                features[part] = self.features(maps[-1], COMPARED_STAGES[-1])
                if self.likeness is not None:  # which knows drawings as they look at `look`
                    same, many = size == self.config.look, pixels.expand(len(part), -1, -1, -1)
                    alike[part] = self.likeness(maps) if same else self.alike(many, boxes[part])
        chances = (self.names(self.directions(features)) * self.config.sharpness).softmax(-1)
        if self.likeness is not None:
            chances = self.likeness.weigh(chances, alike)
        return chances, self.coloured(pixels, boxes)

    @torch.no_grad()
    def alike(self, pixels: Tensor, boxes: Tensor) -> Tensor:
        """A picture for each box, uint8 [K, H, W, 3] and [K, 4], to likeness to known drawings [K, names]."""
        assert self.likeness is not None
        cuts = zip(pixels, boxes, strict=True)
        things = torch.cat([cut(picture, box, self.config.look, MARGIN) for picture, box in cuts])
        return torch.cat([self.likeness(self.compared(normalised(part))) for part in things.split(BATCH)])

    def compared(self, x: Tensor) -> list[Tensor]:
        """Normalised [B, 3, S, S] to the maps that are compared with known drawings'."""
        return self.tower.stages(x, COMPARED_STAGES)

    def coloured(self, pixels: Tensor, boxes: Tensor) -> Tensor:
        """One picture uint8 [H, W, 3] and boxes [K, 4] to probabilities of colours [K, 9]."""
        patches = torch.cat([cut(pixels, box, PATCH, 0.0) for box in boxes])
        return self.colours(normalised(patches)).softmax(-1)

    @torch.no_grad()
    def seen_whole(self, pixels: Tensor) -> Tensor:
        """uint8 [N, H, W, 3], squares, to one feature a picture [N, 1280]: the mean over the map and the sizes.

        Raises WeightsError where the detector was made without sizes for whole pictures.
        """
        if not self.config.whole:
            raise WeightsError("this detector sees no whole pictures: its config has no `whole`; take the shipped one")
        x = EfficientNet.normalise(pixels.permute(0, 3, 1, 2))
        seen = []
        for size in self.config.whole:
            scaled = F.interpolate(x, size=size, mode="bicubic", antialias=True).clamp(-127 / 128, 1)
            seen.append(self.features(self.maps(scaled.contiguous(memory_format=torch.channels_last))[1]))
        return torch.stack(seen).mean(0)

    @torch.no_grad()
    def gist(self, pixels: Tensor, boxes: Tensor | None = None) -> Tensor:
        """uint8 [N, H, W, 3], squares, to the mean over them of the probabilities of names [N], each seen whole.

        boxes: [N, 4] of the only thing in each, if it is known, to compare it with known drawings.
        """
        assert self.keys is not None
        features = self.seen_whole(pixels)
        names = self.keys(features).softmax(-1)
        photograph = torch.full((len(names),), -torch.inf)  # without a judge all are drawn
        if self.photographed is not None and self.untouched:
            maps, texture = textures(self.untouched[0], seen(pixels.permute(0, 3, 1, 2), UNTOUCHED_PIXELS))
            photograph = self.photographed(texture)[:, 0]
        drawn, some = (photograph <= 0).nonzero()[:, 0], (photograph > 0).nonzero()[:, 0]
        if self.likeness is not None and boxes is not None and len(drawn):
            names[drawn] = self.likeness.weigh(names[drawn], self.alike(pixels[drawn], boxes[drawn]))
        if len(some):
            names[some] = self._both(names[some], self.recognised(maps[some]), photograph[some, None].sigmoid())
        sharp = names**SHARPER
        return (sharp / sharp.sum(-1, keepdim=True)).mean(0)

    def _both(self, names: Tensor, untouched: Tensor, sure: Tensor) -> Tensor:
        """Names of photographs [N, names] by both towers. sure: [N, 1], that they are photographs.

        Among ImageNet's names the untouched tower decides, as far as that is sure: the tuned one is sure of wrong ones
        in photographs that are unlike those it was tuned on.
        """
        share = UNTOUCHED_SHARE * sure
        mixed = (1 - share) * names + share * untouched
        own = mixed.index_fill(1, self.of_imagenet, 0.0)  # what ImageNet has no name for
        return (1 - sure) * mixed + sure * (own + untouched * (1 - own.sum(1, keepdim=True)))

    @torch.no_grad()
    def recognised(self, maps: Tensor) -> Tensor:
        """The untouched tower's maps after JUDGED_STAGE to its probabilities of names [N, names]."""
        (tower,) = self.untouched
        classes = tower.classify(tower.rest(maps, JUDGED_STAGE)).softmax(-1)
        return torch.zeros(len(maps), len(self.config.names)).index_add(1, self.of_imagenet, classes)

    @torch.no_grad()
    def detect(self, pixels: Tensor) -> list[Tensor]:
        """uint8 [N, H, W, 3], squares, to one float32 [K, 30] a picture, K at most 16, the surest first.

        Columns: 0-7 numbers of the likeliest names, 8-15 their probabilities, 16-19 the box y0 x0 y1 x1 in 0..1,
        20 the score, 21-29 the probabilities of the colours (its own, then those of worlds in order).
        """
        rows = []
        for picture, (scores, boxes) in zip(pixels, self.find(pixels), strict=True):
            if not len(boxes):
                rows.append(torch.zeros(0, COLUMNS))
                continue
            names, colours = self.describe(picture, boxes)
            found = self._told(names, boxes, scores, colours)
            if self.keys is not None and (one := alone(found)) is not None:
                whole = self.gist(picture[None], boxes[one : one + 1])[None]
                found = self._told(whole, *(part[one : one + 1] for part in (boxes, scores, colours)))
            found[:, BOX] = inset(found[:, BOX])
            rows.append(found)
        return rows

    @torch.no_grad()
    def whole(self, pixels: Tensor) -> Tensor:
        """A square without anything that stands out, uint8 [H, W, 3], as one thing [1, 30]; none [0, 30] if unsure."""
        if self.keys is None:
            return torch.zeros(0, COLUMNS)
        box = inset(torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
        names = self.gist(pixels[None])[None]
        sure = names.amax(1)
        if float(sure) < self.config.least:
            return torch.zeros(0, COLUMNS)
        return self._told(names, box, sure, self.coloured(pixels, box))

    def _told(self, names: Tensor, boxes: Tensor, scores: Tensor, colours: Tensor) -> Tensor:
        """Things as rows [K, 30], see `detect`; names: probabilities [K, N]."""
        own = F.one_hot(torch.zeros(len(names), dtype=torch.long), COLOURS).to(colours.dtype)
        colours = torch.where(self.called[names.argmax(1)][:, None], own, colours)
        return torch.cat([rivals(names), boxes, scores[:, None], colours], 1)


def rivals(names: Tensor) -> Tensor:
    """Probabilities of names [K, N] to the numbers of the likeliest and their probabilities, [K, 2 * RIVALS]."""
    best = names.topk(min(RIVALS, names.shape[1]), -1)
    short = (0, RIVALS - best.values.shape[1])
    return torch.cat([F.pad(best.indices.float(), short), F.pad(best.values, short)], 1)


def normalised(rgb: Tensor) -> Tensor:
    return EfficientNet.normalise(rgb).contiguous(memory_format=torch.channels_last)


def seen(rgb: Tensor, size: int) -> Tensor:
    """uint8 [N, 3, H, W] at `size` pixels a side, normalised."""
    x = rgb.float()
    if x.shape[-2:] != (size, size):
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    return normalised(x)


def textures(tower: EfficientNet, x: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised [N, 3, S, S] to the maps after JUDGED_STAGE, and their means and deviations [N, 2 C]."""
    (maps,) = tower.stages(x, (JUDGED_STAGE,))
    spread, mean = torch.std_mean(maps, (2, 3))
    return maps, torch.cat([mean, spread], 1)


def cut(pixels: Tensor, box: Tensor, size: int, margin: float) -> Tensor:
    """The square around a box (y0 x0 y1 x1, 0..1) of uint8 [H, W, 3], float 0..255 [1, 3, size, size].

    Where the square leaves the picture, the picture's edge goes on.
    """
    height, width = pixels.shape[:2]
    y0, x0, y1, x1 = (float(v) * side for v, side in zip(box, (height, width, height, width), strict=True))
    half = max(max(y1 - y0, x1 - x0) * (0.5 + margin), 1.0)
    top, left = round((y0 + y1) / 2 - half), round((x0 + x1) / 2 - half)
    side = max(2, round(2 * half))
    rows = torch.arange(top, top + side).clamp(0, height - 1)
    columns = torch.arange(left, left + side).clamp(0, width - 1)
    square = pixels[rows][:, columns].permute(2, 0, 1)[None].float()
    return F.interpolate(square, size=(size, size), mode="bilinear", antialias=True)


def numbers_of(names: Sequence[str]) -> dict[str, int]:
    return {name: i for i, name in enumerate(names)}
