"""Charts drawn by matplotlib; the truth is what was plotted. The edit exchanges two values, one the highest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image as Pillow

from trenza.conversation import Box
from trenza.data.samples import Media
from trenza.data.worlds import drawing
from trenza.data.worlds.asking import Side, World, box_text, json_text, seen
from trenza.data.worlds.drawing import COLOURS, SIZE
from trenza.data.worlds.scene import corners

KINDS = ("bar", "barh", "line")
DOTS = 80  # dots per inch: letters of 7 points are read at 256 px


@dataclass(frozen=True)
class Chart:
    media: Media
    kind: str
    data: dict[str, int]
    boxes: dict[str, Box]  # of each bar, or a square of 12 px around each point of a line

    def truth(self) -> dict[str, Any]:
        boxes = {name: corners(box) for name, box in self.boxes.items()}
        return {"kind": self.kind, "data": self.data, "boxes": boxes}


def charted(world: World) -> None:
    count = int(world.rng.integers(3, 6))
    names = world.shuffled(world.phrases.words(world.shuffled(["goods", "months"])[0]))[:count]
    levels = sorted(int(v) * 10 for v in world.rng.permutation(np.arange(1, 11))[:count])
    # The highest goes to x; any of the others may be the one it exchanges with.
    rest = world.shuffled(levels[:-1])
    x, y = names[0], names[1]
    data = dict(zip(names, [levels[-1], *rest], strict=True))
    order = world.shuffled(names)
    kind, style = KINDS[world.rng.integers(len(KINDS))], int(world.rng.integers(1 << 30))
    title = world.shuffled(world.phrases.words("chart_titles"))[0]
    swapped = data | {x: data[y], y: data[x]}
    charts = [drawn({n: d[n] for n in order}, kind, title, style) for d in (data, swapped)]

    def ask(template: str, capability: str, answers: list[str], named: list[list[str]], choices: list[str],
            **words: str) -> None:  # fmt: skip
        sides = [
            Side((c.media,), (c.truth(),), answer, seen(*(c.boxes[n] for n in about)))
            for c, answer, about in zip(charts, answers, named, strict=True)
        ]
        world.twins(template, capability, sides, choices, **words)

    whole = [json_text(c.data) for c in charts]
    ask("chart_data", "extract", whole, [order, order], whole)
    ask("highest", "compare", [x, y], [[x], [y]], order)
    one, two = world.shuffled((x, y))
    yes, no = world.yes_no()
    ask("is_higher", "verify", [yes, no] if one == x else [no, yes], [[x, y]] * 2, [yes, no], x=one, y=two)
    if kind == "line" or world.coin():
        values = [str(c.data[one]) for c in charts]
        ask("chart_value", "extract", values, [[one]] * 2, values, x=one)
    else:
        bars = [box_text(charts[0].boxes[x]), box_text(charts[1].boxes[y])]
        ask("box_of_highest", "locate", bars, [[x], [y]], bars)


def drawn(data: dict[str, int], kind: str, title: str, style: int) -> Chart:
    """The chart of `data`; `style` fixes its colours."""
    rng = np.random.default_rng(style)
    figure = Figure(figsize=(SIZE / DOTS, SIZE / DOTS), dpi=DOTS)
    canvas = FigureCanvasAgg(figure)
    across = 0.24 if kind == "barh" else 0.13
    axes = figure.add_axes((across, 0.12, 0.95 - across, 0.76))
    axes.set_title(title, fontsize=8)
    axes.tick_params(labelsize=7, length=2)
    colours = [tuple(v / 255 for v in c) for c in COLOURS.values()]
    hue = colours[rng.integers(len(colours))]
    hues = [hue] * len(data) if rng.random() < 0.5 else [colours[i] for i in rng.permutation(8)[: len(data)]]
    names, values = list(data), list(data.values())
    flat = kind == "barh"
    positions = range(len(data))
    if flat:
        bars = axes.barh(positions, values, color=hues)
    elif kind == "bar":
        bars = axes.bar(positions, values, color=hues)
    else:
        axes.plot(positions, values, marker="o", markersize=4, color=hue)
        axes.set_xlim(-0.4, len(data) - 0.6)
    # The scale reaches the same end whatever the data, so that nothing but the marks tells the values.
    (axes.set_xlim if flat else axes.set_ylim)(0, 105)
    (axes.set_xticks if flat else axes.set_yticks)(range(0, 101, 20))
    (axes.set_yticks if flat else axes.set_xticks)(positions, names)
    axes.grid(axis="x" if flat else "y", linewidth=0.4)
    axes.set_axisbelow(True)
    canvas.draw()
    if kind == "line":
        centres = axes.transData.transform(list(zip(positions, values, strict=True)))
        extents = [(x - 6, y - 6, x + 6, y + 6) for x, y in centres]
    else:
        extents = [bar.get_window_extent().extents for bar in bars]
    boxes = {
        name: Box(max(x0, 0) / SIZE, max(SIZE - y1, 0) / SIZE, min(x1 / SIZE, 1.0), min((SIZE - y0) / SIZE, 1.0))
        for name, (x0, y0, x1, y1) in zip(names, extents, strict=True)
    }
    image = Pillow.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    return Chart(drawing.png(image), kind, data, boxes)


FAMILIES = (charted,)
