"""Counterfactual twins: the same question about two media that differ in the one thing asked for."""

from itertools import combinations

import numpy as np

from trenza.evaluate import clustered
from trenza.evaluate.measures.base import Measure, chance, correct
from trenza.evaluate.run import Results


def measures(results: Results) -> list[Measure]:
    """Right on both of a pair; and NaturalBench's picture and group accuracy where media share questions."""
    right = correct(results, "plain")
    pairs = [
        (i, j) for i in right if (j := results.task.twin(i)) is not None and i < j and j in right
        and results.task.twin(j) == i
    ]  # fmt: skip
    if not pairs:
        return []
    both = [float(right[i] == right[j] == 1) for i, j in pairs]
    level = float(np.mean([chance(results, i) * chance(results, j) for i, j in pairs]))
    names = [results.task.clusters[i] for i, _ in pairs]
    made = [
        Measure(
            "twin_consistency", clustered.mean(both, names), "right on both of a pair that differs in one thing",
            nothing=level, note=f"chance {level:.3f}; NaturalBench calls it question accuracy",
        )
    ]  # fmt: skip
    return made + _groups(results, right, pairs)


def _groups(results: Results, right: dict[int, float], pairs: list[tuple[int, int]]) -> list[Measure]:
    """Two questions, each asked of the same two media: NaturalBench's group (Li et al. 2024, section 3)."""
    media = results.task.items.media
    by_media: dict[frozenset[tuple[str, ...]], list[tuple[int, int]]] = {}
    for i, j in pairs:
        by_media.setdefault(frozenset((media[i], media[j])), []).append((i, j))
    pictures, groups, names = [], [], []
    picture_chance, group_chance = [], []
    for some in by_media.values():
        for (a, b), (c, d) in combinations(some, 2):
            if media[a] != media[c]:
                c, d = d, c
            first, second = right[a] == right[c] == 1, right[b] == right[d] == 1
            pictures.append((first + second) / 2)
            groups.append(float(first and second))
            names.append(results.task.clusters[a])
            level = chance(results, a) * chance(results, c)
            picture_chance.append(level)
            group_chance.append(level * chance(results, b) * chance(results, d))
    if not groups:
        return []
    return [
        Measure(
            "picture_accuracy", clustered.mean(pictures, names), "both questions about one medium right",
            note=f"chance {np.mean(picture_chance):.3f} (NaturalBench)",
        ),
        Measure(
            "group_accuracy", clustered.mean(groups, names), "two questions right on both media",
            note=f"chance {np.mean(group_chance):.3f} (NaturalBench)",
        ),
    ]  # fmt: skip
