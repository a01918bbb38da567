"""More questions about recordings, and about two of them: when, how loud, which is heard, what differs."""

from typing import Any

import numpy as np

from trenza.align.conversations import Asked
from trenza.align.drills import LOUDER, Drill, Known
from trenza.align.truths import named, place
from trenza.conversation import Evidence, Span
from trenza.data.worlds.asking import span_text
from trenza.data.worlds.track import SECONDS

Truth = dict[str, Any]


def recording(names: list[str], said: list[bool], rng: np.random.Generator, repeated: float = 0.0) -> Truth:
    """One behind the other, in any order; a share of them with one or two of them once more."""
    order = list(rng.permutation(len(names)))
    if rng.random() < repeated:
        order += list(rng.integers(0, len(names), int(rng.integers(1, 3))))
        order = [order[i] for i in rng.permutation(len(order))]
    sounds, end = [], 0.0
    for i in order:
        start = end + float(rng.uniform(0.1, 0.5))
        end = start + float(rng.uniform(0.2, 0.9))
        loud = float(10 ** rng.uniform(-1.7, -0.7))
        sounds.append({"name": names[i], "said": said[i], "start": start, "end": end, "rms": loud})
    return {"sounds": sounds}


def two_recordings(names: list[str], said: list[bool], rng: np.random.Generator) -> tuple[Truth, Truth]:
    """The same but for one sound that is another, or the same with two sounds' loudness exchanged."""
    before = recording(names[:-1], said[:-1], rng)
    after = {"sounds": [dict(sound) for sound in before["sounds"]]}
    if rng.random() < 0.5:
        after["sounds"][rng.integers(len(names) - 1)] |= {"name": names[-1], "said": said[-1]}
    else:
        one, two = after["sounds"][:2]
        one["rms"], two["rms"] = two["rms"], one["rms"]
    return before, after


def when(known: Known) -> Asked | None:
    """From when to when one is heard."""
    some = known.alone("sounds")
    if not some:
        return None
    return known.asked("when", span_text(place(some[0])), some[0], x=known.called(some[0]))  # type: ignore[arg-type]


def louder(known: Known) -> Asked | None:
    """Which of two is louder."""
    pair = known.two("sounds")
    if pair is None:
        return None
    quiet, loud = sorted(pair, key=lambda s: s["rms"])
    if loud["rms"] < LOUDER * quiet["rms"]:
        return None
    return known.asked("louder", loud["name"], *pair, x=pair[0]["name"], y=pair[1]["name"])


def is_heard(known: Known) -> Asked | None:
    """Whether one is heard; what isn't is asked for as a word and as a sound."""
    some = known.alone("sounds")
    if some and known.coin():
        return known.asked("is_heard", True, some[0], x=known.called(some[0]))
    said = known.coin()
    missing = [n for n in (known.absent if said else known.silent) if n not in known.counts[0]]
    if not missing:
        return None
    form = known.words.word("said" if said else "sounded", x=missing[0])
    question = known.words.question("is_heard", known.rng, x=form)
    told = missing[0] if said else named(missing[0], known.words.language)
    end = max([SECONDS, *(s["end"] for s in known.truth[0]["sounds"])])  # all of it, which is longer than a world's
    return Asked(question, known.words.word("no"), (Evidence(0, Span(0.0, end)),), "", (told,))


def which_heard(known: Known) -> Asked | None:
    """Which of two is heard; the other isn't."""
    some = known.alone("sounds")
    if not some:
        return None
    missing = [n for n in (known.absent if some[0]["said"] else known.silent) if n not in known.counts[0]]
    if not missing:
        return None
    x, y = known.shuffled([some[0]["name"], missing[0]])
    return known.asked("which_heard", some[0]["name"], some[0], x=x, y=y)


def _differing(known: Known) -> list[Truth]:
    """Of each of two recordings the sound that the other doesn't have; none where they have the same."""
    return [s for part in (0, 1) for s in known.truth[part]["sounds"] if s["name"] not in known.counts[1 - part]]


def heard_in(known: Known) -> Asked | None:
    """Which of two recordings has a sound that only one has."""
    only = _differing(known)
    if len(only) != 2:
        return None
    part = int(known.coin())
    answer = known.words.word(("first", "second")[part])
    return known.asked("heard_in", answer, (part, only[part]), x=known.called(only[part]))


def changed_sounds(known: Known) -> Asked | None:
    """What became what."""
    only = _differing(known)
    if len(only) != 2:
        return None
    told = known.words.word("change", x=only[0]["name"], y=only[1]["name"])
    return known.asked("changed_sounds", told, (0, only[0]), (1, only[1]))


def louder_in(known: Known) -> Asked | None:
    """In which of two recordings a sound that both have is louder."""
    for sound in known.alone("sounds"):
        twin = [s for s in known.truth[1]["sounds"] if s["name"] == sound["name"]]
        if len(twin) == 1 and max(sound["rms"], twin[0]["rms"]) > 2 * min(sound["rms"], twin[0]["rms"]):
            answer = known.words.word("first" if sound["rms"] > twin[0]["rms"] else "second")
            return known.asked("louder_in", answer, (0, sound), (1, twin[0]), x=known.called(sound))
    return None


OF_ONE: tuple[Drill, ...] = (when, when, louder, is_heard, is_heard, which_heard)
OF_TWO: tuple[Drill, ...] = (heard_in, heard_in, changed_sounds, changed_sounds, louder_in, louder_in)
