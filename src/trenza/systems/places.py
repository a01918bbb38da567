"""Places and times as words: tokens added behind the vocabulary, so that every system can locate.

As in pix2seq (Chen et al. 2021) and PaLI's line a box is four tokens y0 x0 y1 x1 on one scale of bins; a span of time
is two tokens of 0.1 s. A system looks before it speaks: first its evidence, each the number of a medium, what is there
in words, the place and where places are compared its rank, then for some questions its rationale, then SEEN, then the
answer, which so can be read off what stands before (compare Shikra, Chen et al. 2023, section 3.3; Multimodal-CoT,
Zhang et al. 2023, section 3).
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trenza.conversation import Box, Evidence, Span
from trenza.errors import UsageError
from trenza.signals import Image, Video
from trenza.towers.language import LanguageModel

BINS = 128  # of a picture's side: 2 px at 256
STEPS = 301  # times 0.0 to 30.0 s
MEDIA = 8  # that evidence can point to
COUNT = BINS + STEPS + MEDIA + 1  # tokens in all
MOST_EVIDENCE = 7  # places given with one answer: as many as things that a world has counted
NAME = 24  # tokens of what is at a place at most: a label with its value, as `bridges/perceived.LINE_TOKENS`
RANK = 1  # tokens of a rank behind a place at most
RATIONALE = 24  # tokens of words behind the places at most
LOOKS = (5 + NAME + RANK) * MOST_EVIDENCE + RATIONALE  # tokens before SEEN at most
WAVES = 20  # along a scale, that its first embeddings are made of
EVIDENCE = 0.75  # weight of evidence in the loss: its many tokens would drown an answer of one word
ANSWER = 2.0  # weight of an answer's tokens, over the root of their number: "yes" counts nearly as much as a whole form
SPREAD = (0.06, 0.24, 0.4, 0.24, 0.06)  # how much of the truth the bins at -2 .. 2 get


Fit = Callable[[float, float], tuple[float, float]]  # x, y of a picture to x, y of what a tower sees, or back


def as_it_is(x: float, y: float) -> tuple[float, float]:
    return x, y


def extend(language: LanguageModel) -> None:
    """Add the tokens behind the vocabulary. Along a scale they start as a sum of slow waves and a ramp.

    As in pix2seq's line the scales are learned from nothing else, and most of their rows are seen rarely. By the waves
    neighbours are alike; by the ramp what is further along can be told by a single direction.
    """
    language.extend(COUNT)
    assert language.added is not None
    rng = torch.Generator().manual_seed(0)
    spread = language.embedding.weight.detach().float().std(0)
    with torch.no_grad():
        for begin, count in ((0, BINS), (BINS, STEPS)):
            along = torch.arange(count)[:, None] / (count - 1)
            waves = torch.cos(torch.pi * along * torch.arange(1, WAVES + 1))  # [count, WAVES]
            curve = waves @ torch.randn(WAVES, len(spread), generator=rng) / (WAVES / 2) ** 0.5
            ramp = (2 * along - 1) @ torch.randn(1, len(spread), generator=rng)
            language.added[begin : begin + count] += (0.5 * curve + ramp) * spread


@dataclass(frozen=True)
class Places:
    """The added tokens of a language model whose own vocabulary has `base` words."""

    base: int

    @property
    def seen(self) -> int:
        """The token that ends the evidence and opens the answer."""
        return self.base + BINS + STEPS + MEDIA

    def medium(self, part: int) -> int:
        """The token that evidence in a medium begins with, of up to MEDIA."""
        return self.base + BINS + STEPS + min(part, MEDIA - 1)

    def position(self, value: float) -> int:
        """A coordinate in 0..1."""
        return self.base + round(min(max(value, 0.0), 1.0) * (BINS - 1))

    def time(self, seconds: float) -> int:
        return self.base + BINS + min(round(max(seconds, 0.0) * 10), STEPS - 1)

    def place(self, where: Box | Span) -> list[int]:
        if isinstance(where, Box):
            return [self.position(v) for v in (where.y0, where.x0, where.y1, where.x1)]
        return [self.time(where.start), self.time(where.end)]

    def evidence(
        self, found: Sequence[Evidence], rationale: Sequence[int] = (), names: Sequence[Sequence[int]] = (),
        ranks: Sequence[Sequence[int]] = (),
    ) -> list[int]:  # fmt: skip
        """At most MOST_EVIDENCE places, the rationale's words and SEEN; quoted text has no place.

        names: of each what is there, in words; none where nobody knows. As what was perceived has its place behind its
        name, a name that is written first is followed by its place as words are by what followed them before (Olsson et
        al. 2022, "In-context learning and induction heads"). ranks: of what is compared, a digit behind each place, as
        it stands behind the perceived one. Raises UsageError past MEDIA media.
        """
        tokens: list[int] = []
        none: list[Sequence[int]] = [()] * len(found)
        for e, name, rank in zip(found[:MOST_EVIDENCE], names or none, ranks or none, strict=False):
            if isinstance(e.where, str):
                continue
            if e.part >= MEDIA:
                raise UsageError(f"evidence in medium {e.part + 1}; at most {MEDIA} can be pointed to")
            tokens += [self.medium(e.part), *name[:NAME], *self.place(e.where), *rank[:RANK]]
        return [*tokens, *rationale[:RATIONALE], self.seen]

    def parted(self, tokens: list[int]) -> tuple[list[int], list[int]]:
        """What a system wrote before SEEN, that left out, and the answer's own tokens."""
        if self.seen in tokens:
            cut = tokens.index(self.seen)
            return tokens[:cut], tokens[cut + 1 :]
        return (tokens, []) if self._looking(tokens) else ([], tokens)

    def _looking(self, tokens: Sequence[int]) -> bool:
        """Whether tokens begin with a place of a medium; an answer doesn't."""
        return bool(tokens) and self.medium(0) <= tokens[0] < self.seen

    def looked(self, tokens: list[int]) -> list[int]:
        """What a system wrote up to SEEN, so that an answer can stand behind it.

        Nothing where it answered at once; places that no SEEN ends are ended.
        """
        if self.seen in tokens:
            return tokens[: tokens.index(self.seen) + 1]
        return [*tokens[:LOOKS], self.seen] if not tokens or self._looking(tokens) else []

    def _behind(self, answer: Sequence[int]) -> int:
        """Where the last place before SEEN ends."""
        end = answer.index(self.seen) if self.seen in answer else len(answer)
        return max((i + 1 for i in range(end) if answer[i] >= self.base), default=0)

    # --- answers as text --------------------------------------------------------------------------

    def write(self, answer: str, encode, spans: bool, fit: Fit = as_it_is) -> list[int]:
        """An answer's text to tokens; lists and x, y of coordinates become places.

        encode: text to tokens. spans: two numbers are a span of seconds, not a point. fit: from the picture that the
        answer speaks of to what the tower sees.
        """
        tokens: list[int] = []
        at = 0
        for match in _NUMBERS.finditer(answer):
            tokens += encode(answer[at : match.start()]) if match.start() > at else []
            values = [float(v) for v in re.findall(r"[\d.]+", match[0])]
            if len(values) == 1:
                x, y = fit(values[0], values[0])
                tokens.append(self.position(y if answer[: match.start()].endswith(_DOWN) else x))
            elif len(values) == 2 and spans:
                tokens += [self.time(v) for v in values]
            else:
                points = [fit(x, y) for x, y in zip(values[::2], values[1::2], strict=True)]
                tokens += [self.position(v) for x, y in points for v in (y, x)]
            at = match.end()
        return tokens + (encode(answer[at:]) if at < len(answer) else [])

    def read(self, tokens: list[int], decode, fits: Sequence[Fit] = ()) -> tuple[str, tuple[Evidence, ...]]:
        """What `evidence` and `write` made, back to text and evidence. Places that are none are left out.

        fits: of each medium, from what the tower sees back to the picture; the text speaks of the medium in which its
        first evidence lies, or else of the first.
        """
        looks, said = self.parted(tokens)
        found = self._found(looks, fits)
        about = next((e.part for e in found if e.part < len(fits)), 0)
        fit = fits[about] if fits else as_it_is
        text = ""
        words: list[int] = []
        run: list[int] = []
        for token in [*said, -1]:
            if token >= self.base:
                run.append(token)
                continue
            if run:
                text += decode(words)
                text += self._told(run, fit, text.endswith(_DOWN))
                words, run = [], []
            words.append(token)
        return (text + decode(words[:-1])).strip(), found

    def _told(self, run: list[int], fit: Fit, down: bool) -> str:
        """Numbers of a run of places, in the order people write them: x before y. down: a single one is a y."""
        values = [self._value(t) for t in run]
        if not all(self._is_position(t) for t in run):
            return str(values[0]) if len(run) == 1 else json.dumps(values)
        if len(run) == 1:
            return str(round(fit(values[0], values[0])[down], 3))
        if len(run) % 2:
            return json.dumps(values)
        return json.dumps([round(v, 3) for y, x in zip(values[::2], values[1::2], strict=True) for v in fit(x, y)])

    def _is_position(self, token: int) -> bool:
        return self.base <= token < self.base + BINS

    def _value(self, token: int) -> float:
        if self._is_position(token):
            return round((token - self.base) / (BINS - 1), 3)
        return round((token - self.base - BINS) / 10, 1)

    def _found(self, tokens: list[int], fits: Sequence[Fit]) -> tuple[Evidence, ...]:
        first = self.medium(0)
        starts = [i for i, t in enumerate(tokens) if first <= t < first + MEDIA]
        found = []
        for start, stop in zip(starts, [*starts[1:], len(tokens)], strict=False):
            own = [t for t in tokens[start + 1 : stop] if self.base <= t < first]
            values, kinds = [self._value(t) for t in own], {self._is_position(t) for t in own}
            try:
                part = tokens[start] - first
                if len(values) == 4 and kinds == {True}:
                    y0, x0, y1, x1 = values
                    fit = fits[part] if part < len(fits) else as_it_is
                    found.append(Evidence(part, Box(*(round(v, 3) for v in (*fit(x0, y0), *fit(x1, y1))))))
                elif len(values) == 2 and kinds == {False}:
                    found.append(Evidence(part, Span(*values)))
            except UsageError:
                continue  # corners the wrong way round
        return tuple(found)

    # --- targets ----------------------------------------------------------------------------------

    def smoothed(self, targets: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Token numbers [n] to neighbours [n, 5] and their shares: bins next to the true one are nearly right.

        Other tokens keep all of the truth. At the ends of a scale what falls outside goes to the last bin. targets:
        answers with their evidence, one behind another, of these sizes; EVIDENCE and ANSWER are their weights.
        """
        offset = torch.arange(-2, 3)
        share = torch.tensor(SPREAD)
        position = (targets >= self.base) & (targets < self.base + BINS)
        time = (targets >= self.base + BINS) & (targets < self.base + BINS + STEPS)
        low = torch.where(position, self.base, self.base + BINS)[:, None]
        high = torch.where(position, self.base + BINS - 1, self.base + BINS + STEPS - 1)[:, None]
        scaled = (position | time)[:, None]
        near = torch.minimum(torch.maximum(targets[:, None] + offset, low), high)
        sharp = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
        shares = torch.where(scaled, share, sharp)
        weights = torch.cat([self._weights(answer) for answer in targets.split(list(sizes))])
        return torch.where(scaled, near, targets[:, None]), shares * weights[:, None]

    def _weights(self, answer: Tensor) -> Tensor:
        """Of one answer's tokens [n]. One without SEEN tells no places, and each of its tokens counts."""
        weights = torch.ones(len(answer))
        seen = (answer == self.seen).nonzero()
        if len(seen):
            cut = int(seen[0]) + 1
            weights[:cut] = EVIDENCE
            rationale = slice(self._behind(answer.tolist()), cut - 1)  # counts as an answer does
            weights[rationale] = ANSWER / max(rationale.stop - rationale.start, 1) ** 0.5
            looks = answer[: cut - 1]
            place = (looks >= self.base) & (looks < self.base + BINS + STEPS)
            behind = place[:-1] & (looks[1:] < self.base)  # a rank, or what a rationale begins with
            weights[1 : cut - 1][behind] = ANSWER
            weights[cut:] = ANSWER / max(len(answer) - cut, 1) ** 0.5
        return weights


_DOWN = '"y": '
_NUMBER = r"\d+(?:\.\d+)?"
# [x, y], [x0, y0, x1, y1], [start, end], and the x and y of a tool's click.
_NUMBERS = re.compile(rf'\[{_NUMBER}(?:, {_NUMBER}){{3}}\]|\[{_NUMBER}, {_NUMBER}\]|(?<="[xy]": ){_NUMBER}')


def fitted(signal: Any, between: Callable[[float, float, int, int], tuple[float, float]]) -> Fit:
    """Between a picture, or a video's frames, and the square that towers see."""
    if not isinstance(signal, Image | Video):
        return as_it_is
    height, width = (signal.pixels if isinstance(signal, Image) else signal.frames[0]).shape[:2]
    return lambda x, y: between(x, y, height, width)
