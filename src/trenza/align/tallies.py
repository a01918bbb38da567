"""How often, which more often, and both as JSON: a picture's things and a recording's sounds, in the worlds' words."""

from collections import Counter
from typing import Any

from trenza.align.conversations import Asked
from trenza.align.drills import Known
from trenza.align.rationales import middle, spaced
from trenza.data.worlds.asking import json_text
from trenza.systems.places import MOST_EVIDENCE

Truth = dict[str, Any]


def _tallied(known: Known, kind: str) -> dict[str, list[Truth]] | None:
    """Two names in random order, each with its things from left to right, or its sounds in time."""
    some = known.truth[0].get(kind, ())
    names = known.shuffled(dict.fromkeys(t["name"] for t in some))[:2]
    if len(names) < 2 or len({(t["name"], t.get("said")) for t in some}) > len({t["name"] for t in some}):
        return None
    ordered = sorted(some, key=lambda t: t["start"] if "start" in t else middle(t, 0))
    found = {name: [t for t in ordered if t["name"] == name] for name in names}
    return found if sum(map(len, found.values())) <= MOST_EVIDENCE else None


def _more(known: Known, kind: str, template: str) -> Asked | None:
    found = _tallied(known, kind)
    if found is None:
        return None
    (x, some), (y, others) = found.items()
    if len(some) == len(others):
        return None
    numbers = spaced(f"{len(some)}, {len(others)}")
    most = x if len(some) > len(others) else y
    return known.asked(template, most, *some, *others, rationale=numbers, x=x, y=y)


def _counts(known: Known, kind: str, template: str) -> Asked | None:
    found = _tallied(known, kind)
    if found is None:
        return None
    (x, some), (y, others) = found.items()
    answer = json_text({x: len(some), y: len(others)})
    return known.asked(template, answer, *some, *others, x=x, y=y)


def more(known: Known) -> Asked | None:
    """Which of two things there are more of."""
    return _more(known, "objects", "more")


def counts(known: Known) -> Asked | None:
    """How many there are of two things, as JSON."""
    return _counts(known, "objects", "counts")


def more_often(known: Known) -> Asked | None:
    """Which of two sounds is heard more often."""
    return _more(known, "sounds", "more_often")


def sound_counts(known: Known) -> Asked | None:
    """How often two sounds are heard, as JSON."""
    return _counts(known, "sounds", "sound_counts")


def times(known: Known) -> Asked | None:
    """How often one is heard, of one to three times; or whether it is so often."""
    often = Counter((s["name"], s["said"]) for s in known.truth[0]["sounds"])
    repeated = [own for own, count in often.items() if count > 1]
    name, said = known.shuffled(repeated if repeated and known.coin() else often)[0]
    count = often[name, said]
    if count > 3 or count < known.counts[0][name]:
        return None
    some = sorted((s for s in known.truth[0]["sounds"] if s["name"] == name), key=lambda s: s["start"])
    called = known.called(some[0])
    if known.coin():
        low = 1 if count == 1 or (count == 2 and known.coin()) else 2
        return known.asked(f"times_{low}", str(count), *some, x=called)
    holds = known.coin()
    claimed = count if holds else count + (1 if count == 1 or known.coin() else -1)
    return known.asked("is_times", holds, *some, rationale=spaced(str(count)), x=called, n=str(claimed))
