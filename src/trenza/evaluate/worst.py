"""The cases a reader should see: where the model guessed, was fooled, was sure and wrong, or saw what isn't there."""

import base64
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image as Pillow

from trenza.conversation import Box, Evidence
from trenza.data.samples import Item, Media
from trenza.errors import SignalError
from trenza.evaluate.measures import prior
from trenza.evaluate.measures.base import correct, normal
from trenza.evaluate.measures.evidence import held
from trenza.evaluate.run import Results
from trenza.signals import Image, Video, decode

SHOWN = 6  # cases of a kind
SIDE = 160  # pixels of the longer side
SOUND_BYTES = 60_000  # a longer sound is named, not embedded: the page is one file


@dataclass(frozen=True)
class Shown:
    """An item to show, and what happened."""

    index: int
    what: str


def worst(results: Results) -> dict[str, list[Shown]]:
    """By kind of failure, the worst cases."""
    kinds = {
        "right without looking": _guessed(results),
        "fooled by its twin": _fooled(results),
        "sure and wrong": _sure(results),
        "unmoved when the evidence is hidden": _unmoved(results),
        "sees what isn't there": _seeing(results),
    }
    return {kind: rows for kind, found in kinds.items() if (rows := _first(found))}


def _first(found: Iterable[tuple[float, Shown]]) -> list[Shown]:
    return [shown for _, shown in sorted(found, key=lambda f: -f[0])[:SHOWN]]


def _guessed(results: Results) -> Iterator[tuple[float, Shown]]:
    full, (guessed, form) = correct(results, "full"), prior.blind(results)
    for i, hit in guessed.items():
        outcome = results.of(f"blind/{form}")[i]
        if hit == 1 and full.get(i) == 1 and len(outcome.log_p) > 1:
            p = float(np.exp(normal(outcome.log_p).max()))
            yield p, Shown(i, f"says the same without any medium, {p:.0%} sure")


def _fooled(results: Results) -> Iterator[tuple[float, Shown]]:
    right, plain = correct(results, "plain"), results.of("plain")
    for i, hit in right.items():
        twin = results.task.twin(i)
        if hit == 0 and twin in right and right[twin] == 1:
            answer = results.task.items.heads[twin].answer
            yield 1.0, Shown(i, f"says “{plain[i].text[:60]}”, which is right of its twin (“{answer[:60]}”)")


def _sure(results: Results) -> Iterator[tuple[float, Shown]]:
    right = correct(results, "full")
    for i, outcome in results.of("full").items():
        if right[i] == 0 and len(outcome.log_p) > 1:
            p = np.exp(normal(outcome.log_p))
            choice = results.task.items.heads[i].choices[int(p.argmax())]
            yield float(p.max()), Shown(i, f"takes “{choice[:60]}”, {p.max():.0%} sure")


def _unmoved(results: Results) -> Iterator[tuple[float, Shown]]:
    right, without, elsewhere = correct(results, "full"), held(results, "hidden"), held(results, "control")
    for i, p in without.items():
        if right.get(i) == 1 and i in elsewhere:
            what = f"holds its answer at {p:.0%} with the evidence hidden, at {elsewhere[i]:.0%} with as much elsewhere"
            yield p - elsewhere[i], Shown(i, what)


def _seeing(results: Results) -> Iterator[tuple[float, Shown]]:
    for poll, outcome in results.polls:
        if not poll.there and outcome.log_p and outcome.log_p[0] > outcome.log_p[1]:
            p = float(np.exp(normal(outcome.log_p)[0]))
            yield p, Shown(poll.index, f"says there is “{poll.name}” ({poll.kind}), {p:.0%} sure")


def figure(results: Results, shown: Shown) -> str:
    """One case as HTML: its media with the true regions in green and the stated ones in orange."""
    item = results.task.items[shown.index]
    outcome = results.of("plain").get(shown.index)
    stated = outcome.evidence if outcome else ()
    media = "".join(_medium(item, part, medium, stated) for part, medium in enumerate(item.media))
    said = f"<br>it says: {escape(outcome.text[:160])}" if outcome else ""
    return (
        f"<div class=case><div class=media>{media}</div><p>{escape(item.question[:300])}<br>"
        f"<b>{escape(item.answer[:160])}</b>{said}<br><i>{escape(shown.what)}</i><br><small>{escape(item.key)}</small></div>"
    )


def _medium(item: Item, part: int, medium: Media, stated: tuple[Evidence, ...]) -> str:
    try:
        signal = decode(medium.data, name=item.key, kind=medium.kind)
    except SignalError:
        return "<p>(can't be decoded)</p>"
    if not isinstance(signal, Image | Video):
        if len(medium.data) > SOUND_BYTES:
            return "<p>(sound)</p>"
        data = base64.b64encode(medium.data).decode()
        return f'<audio controls src="data:audio/{medium.extension};base64,{data}"></audio>'
    picture = Pillow.fromarray(signal.pixels if isinstance(signal, Image) else signal.frames[len(signal.frames) // 2])
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=70)
    data = base64.b64encode(buffer.getvalue()).decode()
    boxes = "".join(
        f'<rect class={kind} x="{w.x0 * 100:.1f}%" y="{w.y0 * 100:.1f}%" width="{(w.x1 - w.x0) * 100:.1f}%" '
        f'height="{(w.y1 - w.y0) * 100:.1f}%"/>'
        for kind, evidence in (("true", item.evidence), ("stated", stated)) for e in evidence
        if e.part == part and isinstance(w := e.where, Box)
    )  # fmt: skip
    return f'<div class=picture><img alt="" src="data:image/webp;base64,{data}"><svg class=boxes>{boxes}</svg></div>'
