"""Drawings as another hand could have made them: its pen, its palette, flat fills, fewer details, bare lines.

A name learned from two hands' emoji is half learned from how those two draw. Vector drawings can be drawn again at
will, so that the shapes are what remains (domain randomisation: Tobin et al. 2017, section 3).
"""

import colorsys
import re
from dataclasses import replace

import numpy as np

from trenza.data.corpora.pictures import Picture

# How often each change is made, and how far it goes.
PEN, FLAT, PALETTE, SNAPPED, BARE = 0.6, 0.5, 0.75, 0.3, 0.12
SIMPLER, LEFT_OUT = 0.3, 0.15  # in so many drawings each shape but the first goes with that chance
WIDTHS = (0.006, 0.035)  # of the pen, in the drawing's width
BLACK = 0.6  # of the pens; the others are dark
PAINT = re.compile(r'\b(fill|stop-color|stroke)="(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})"')
GRADIENT = re.compile(r'<(linear|radial)Gradient\b[^>]*\bid="([^"]+)"[^>]*(?<!/)>(.*?)</\1Gradient>', re.S)
STOP = re.compile(r'stop-color="(#[0-9a-fA-F]{3,6})"')
NAMED = re.compile(r"\b(red|orange|yellow|green|blue|purple|brown|black|white)\b")
SHAPE = re.compile(r"<(?:path|circle|ellipse|rect|polygon)\b[^>]*/>")
FILL = re.compile(r'\bfill="(#[0-9a-fA-F]{3,6}|url\([^)]*\))"')


def redrawn(picture: Picture, rng: np.random.Generator) -> Picture:
    """An emoji drawn anew; its name and its shapes stay."""
    head, body = picture.svg.split(">", 1)
    body = body.removesuffix("</svg>")
    if rng.random() < FLAT:
        body = flat(body)
    if rng.random() < SIMPLER:
        body = simpler(body, rng)
    coloured = bool(NAMED.search(picture.name))  # it wouldn't be what it is called
    if rng.random() < PALETTE and not coloured:
        body = repainted(body, rng)
    bare = rng.random() < BARE and not coloured
    if bare:
        body = FILL.sub('fill="#fff"', body)
    if bare or rng.random() < PEN:
        width = float(head.split('viewBox="0 0 ')[1].split()[0]) * float(np.exp(rng.uniform(*np.log(WIDTHS))))
        colour = "#000" if rng.random() < BLACK else spelled(rng.uniform(0, 0.35, 3))
        join = rng.choice(["round", "miter", "bevel"], p=[0.7, 0.2, 0.1])
        body = f'<g stroke="{colour}" stroke-width="{width:.2f}" stroke-linejoin="{join}">{body}</g>'
    return replace(picture, svg=f"{head}>{body}</svg>")


def flat(body: str) -> str:
    """Every gradient as the colour in its middle; what fades out stays, since it would hide what is under it."""
    for _, name, stops in GRADIENT.findall(body):
        if "stop-opacity" not in stops and (colours := STOP.findall(stops)):
            body = body.replace(f"url(#{name})", colours[len(colours) // 2])
    return body


def simpler(body: str, rng: np.random.Generator) -> str:
    """Without some of its shapes; the first, mostly the outline of the whole, stays."""
    shapes = iter(range(len(SHAPE.findall(body))))
    return SHAPE.sub(lambda found: found[0] if not next(shapes) or rng.random() >= LEFT_OUT else "", body)


def repainted(body: str, rng: np.random.Generator) -> str:
    """All colours turned alike in hue, each a little by itself, paler or stronger; some snapped to a small palette."""
    turn, chroma, light = rng.normal(0, 0.05), rng.uniform(0.4, 1.5), rng.normal(0, 0.08)
    snapped, own = rng.random() < SNAPPED, {}

    def paint(found: re.Match) -> str:
        old = found[2]
        if old not in own:
            digits = old[1:] if len(old) == 7 else "".join(2 * d for d in old[1:])
            hue, lightness, saturation = colorsys.rgb_to_hls(*(int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)))
            hue += turn + rng.normal(0, 0.03)
            lightness = float(np.clip(lightness + light + rng.normal(0, 0.05), 0, 1))
            saturation = float(np.clip(saturation * chroma, 0, 1))
            if snapped:
                hue, lightness, saturation = round(hue * 12) / 12, round(lightness * 4) / 4, round(saturation * 2) / 2
            own[old] = spelled(np.array(colorsys.hls_to_rgb(hue % 1, lightness, saturation)))
        return f'{found[1]}="{own[old]}"'

    return PAINT.sub(paint, body)


def spelled(rgb: np.ndarray) -> str:
    """RGB in 0..1 as SVG writes it."""
    return "#" + "".join(f"{round(float(v) * 255):02x}" for v in rgb)
