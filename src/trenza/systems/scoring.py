"""How likely a system finds answers: behind the evidence that it gives for them, where it gives any."""

from collections.abc import Sequence
from typing import TypeGuard

import torch

from trenza.systems import batch
from trenza.systems.decoding import DecoderSystem
from trenza.systems.examples import Example, System
from trenza.systems.places import LOOKS, Places
from trenza.systems.splice import Piece


def side_by_side(system: System) -> TypeGuard[DecoderSystem]:
    """Whether media stand among the words of one decoder, so that many prompts go through it together."""
    return isinstance(system, DecoderSystem) and system.among_words


@torch.no_grad()
def rows(system: DecoderSystem, examples: Sequence[Example]) -> list[list[Piece]]:
    """Each example with its first question, as words and embedded media."""
    prompts = system.prompts(examples)
    return [[*row, e.turns[0].question] for row, e in zip(prompts, examples, strict=True)]


def greedy(
    system: DecoderSystem, prompts: Sequence[Sequence[Piece]], examples: Sequence[Example], end: int,
    rooms: Sequence[int],
) -> list[list[int]]:  # fmt: skip
    """`batch.greedy` of the examples' prompts, which `rows` made, with what may come next in each answer."""
    return batch.greedy(system.language, prompts, end, rooms, [system.allowed(example) for example in examples])


@torch.no_grad()
def log_p(
    system: System, examples: Sequence[Example], answers: Sequence[Sequence[list[int]]], look: list[int] | None = None
) -> list[list[float]]:
    """log p of each example's answers, token numbers, in nats, behind the system's greedy evidence for it.

    look: evidence, SEEN included, or nothing, to take for the first example in place of greedy evidence.
    """
    places: Places | None = getattr(system, "places", None)
    looks = [] if look is None else [look]
    if side_by_side(system):
        prompts = rows(system, examples)
        if places:
            blind = prompts[len(looks) :]
            made = greedy(system, blind, examples[len(looks) :], places.seen, [LOOKS] * len(blind))
            looks += [places.looked(tokens) for tokens in made]
            prompts = [[*prompt, own] for prompt, own in zip(prompts, looks, strict=True)]
        return batch.log_likelihoods(system.language, prompts, answers)
    if places is None:
        return [system.score(e, own).tolist() for e, own in zip(examples, answers, strict=True)]
    looks += [places.looked(system.generate(e, places.seen, LOOKS)) for e in examples[len(looks) :]]
    found = []
    for example, own, seen in zip(examples, answers, looks, strict=True):
        looked = [seen] if seen else []
        scores = system.score(example, [*looked, *([*seen, *answer] for answer in own)]).tolist()
        before, *whole = scores if seen else [0.0, *scores]
        found.append([log_likelihood - before for log_likelihood in whole])
    return found
