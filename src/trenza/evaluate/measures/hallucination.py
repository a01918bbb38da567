"""Does the model see what isn't there? POPE's questions, and what its free descriptions name."""

import numpy as np

from trenza.data.worlds.phrases import languages, phrases
from trenza.evaluate import clustered
from trenza.evaluate.measures.base import Measure
from trenza.evaluate.objects import NEGATIVES, said_yes
from trenza.evaluate.run import Results


def measures(results: Results) -> list[Measure]:
    return [*polled(results), *described(results)]


def polled(results: Results) -> list[Measure]:
    """Accuracy, precision, recall and yes-rate by kind of negatives (Li et al. 2023, section 5)."""
    rows = []
    for poll, outcome in results.polls:
        head = results.task.items.heads[poll.index]
        language = head.language if head.language in languages() else "en"
        if (said := said_yes(outcome, phrases(language).word("yes"))) is not None:
            rows.append((poll.kind, poll.there, said, results.task.clusters[poll.index]))
    if not rows:
        return []
    kinds = np.array([r[0] for r in rows])
    there, yes = (np.array([r[i] for r in rows], float) for i in (1, 2))
    names = [r[3] for r in rows]
    absent = 1 - there
    made = [
        Measure(
            "hallucination", clustered.ratio(yes * absent, absent, names), "yes to things that are not there", most=0.25
        ),
        Measure(
            "yes_rate", clustered.ratio(yes, np.ones_like(yes), names), "yes to any question; half of them are true",
            most=0.75,
        ),
        Measure("pope_precision", clustered.ratio(yes * there, yes, names), "things said to be there that are"),
        Measure("pope_recall", clustered.ratio(yes * there, there, names), "things there that are said to be"),
    ]  # fmt: skip
    for kind in NEGATIVES:
        own = (kinds == kind).astype(float)
        hits = own * (yes == there)
        note = "chance 0.500"
        meaning = f"right about what is there, {kind} negatives"
        made.append(
            Measure(f"pope_accuracy/{kind}", clustered.ratio(hits, own, names), meaning, nothing=0.5, note=note)
        )
    return made


def described(results: Results) -> list[Measure]:
    """CHAIR's share of things named that aren't there (Rohrbach et al. 2018), and of things there that are named."""
    if not results.descriptions:
        return []
    names = [results.task.clusters[d.index] for d, _, _ in results.descriptions]
    said = np.array([len(named) for _, _, named in results.descriptions], float)
    true = np.array([len(named & d.names) for d, _, named in results.descriptions], float)
    there = np.array([len(d.names) for d, _, _ in results.descriptions], float)
    return [
        Measure("described_recall", clustered.ratio(true, there, names), "things in the picture that are named"),
        Measure(
            "described_hallucination", clustered.ratio(said - true, said, names),
            "things a description names that are not in the picture", most=0.25, sure=True,
        ),
    ]  # fmt: skip
