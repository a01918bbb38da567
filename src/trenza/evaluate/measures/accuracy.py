"""How often right, by capability, and how much of it could not be read."""

import numpy as np

from trenza.evaluate.measures.base import Measure, chance, choices, correct, mean
from trenza.evaluate.reading import normalised
from trenza.evaluate.run import Results


def measures(results: Results) -> list[Measure]:
    """Accuracy of what the model says, read normalised; over all, by capability, by task where several were joined."""
    right = correct(results, "plain")
    level = float(np.mean([chance(results, i) for i in right])) if right else 0.0
    made = [
        Measure("accuracy", mean(results, right), "answers that are right", nothing=level, note=f"chance {level:.3f}"),
        unread(results),
    ]
    heads = results.task.items.heads
    for capability in sorted({heads[i].capability for i in right}):
        some = {i: v for i, v in right.items() if heads[i].capability == capability}
        own = float(np.mean([chance(results, i) for i in some]))
        note = f"chance {own:.3f}"
        made.append(
            Measure(f"accuracy/{capability}", mean(results, some), f"right where it should {capability}", note=note)
        )
    if " + " in results.task.name:
        for task in results.task.name.split(" + "):
            some = {i: v for i, v in right.items() if heads[i].key.startswith(f"{task}/")}
            made.append(Measure(f"accuracy/{task}", mean(results, some), f"right on the task {task}"))
    return made


def unread(results: Results) -> Measure:
    """Answers that give none of the choices, or several: they count as wrong, so their number has to be seen."""
    found = {
        i: float(not o.abstained and normalised(o.text, choices(results, i)) is None)
        for i, o in results.of("plain").items() if choices(results, i)
    }  # fmt: skip
    return Measure("unread", mean(results, found), "answers that give none of the choices (they count as wrong)")
