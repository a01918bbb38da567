"""Many conversations at once on the language model: prompts decoded side by side, candidates scored as one tree.

Whatever prompts have in common is run once. They, and where they are scored all candidates behind them, are packed into
trees of tokens in which each prefix stands once and a token sees its ancestors alone (tree attention, as SpecInfer has
it, Miao et al. 2024, section 4.2). The probes of one item differ late or little, so they cost little more than one; so
do several questions about one picture.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from trenza.layers.cache import KVCache
from trenza.systems.looking import Allowed, masked
from trenza.systems.splice import Piece, splice
from trenza.towers.language import LanguageModel

ROWS = 32  # prompts decoded side by side
TREE_TOKENS = 768  # of one tree; attention grows with its square
Source = int | tuple[Tensor, int]  # a token number, or a row of a medium
Flat = tuple[list[int], list[Source]]  # a prompt's tokens: keys by which equal ones are known, and what they are


class _Tree:
    """Sequences of tokens packed so that each common prefix stands once."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.depths: list[int] = []
        self.sources: list[Source] = []
        self._children: dict[tuple[int, int], int] = {}

    def add(self, keys: Sequence[int], sources: Sequence[Source], at: int = -1) -> list[int]:
        """Nodes of a sequence behind node `at`; keys tell equal tokens."""
        nodes = []
        for key, source in zip(keys, sources, strict=True):
            node = self._children.setdefault((at, key), len(self.parents))
            if node == len(self.parents):
                self.parents.append(at)
                self.depths.append(self.depths[at] + 1 if at >= 0 else 0)
                self.sources.append(source)
            nodes.append(at := node)
        return nodes

    def shared(self, keys: Sequence[int]) -> int:
        """How many of these, from the first on, stand here already."""
        at = -1
        for number, key in enumerate(keys):
            if (at, key) not in self._children:
                return number
            at = self._children[at, key]
        return len(keys)

    def hidden(self, language: LanguageModel, cache: KVCache | None = None) -> Tensor:
        """Hidden states [T, D] of all nodes; their keys and values go into an empty cache of one row."""
        size = len(self.parents)
        sees = np.zeros((size, size), bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                sees[node, :node] = sees[parent, :node]
            sees[node, node] = True
        depths = np.array(self.depths)
        if language.config.window is not None:
            sees &= depths[:, None] - depths[None] < language.config.window
        pieces: list[Piece] = [
            [s] if isinstance(s, int) else s[0][s[1] : s[1] + 1] for s in self.sources
        ]  # fmt: skip
        x = splice(language.embed, pieces)[None]
        mask, positions = torch.from_numpy(sees)[None, None], torch.from_numpy(depths)[None]
        return language(x, cache, mask=mask, positions=positions)[0]


def _flat(pieces: Sequence[Piece], numbers: dict[int, int]) -> Flat:
    """Keys and sources of a prompt's tokens. A medium is known by its tensor; its rows get keys below zero."""
    keys: list[int] = []
    sources: list[Source] = []
    for piece in pieces:
        if isinstance(piece, list):
            keys += piece
            sources += piece
        else:
            first = numbers.setdefault(id(piece), 1 + (len(numbers) << 20))
            keys += [-(first + row) for row in range(len(piece))]
            sources += [(piece, row) for row in range(len(piece))]
    return keys, sources


@torch.no_grad()
def log_likelihoods(
    language: LanguageModel, prompts: Sequence[Sequence[Piece]], answers: Sequence[Sequence[Sequence[int]]]
) -> list[list[float]]:
    """log p of each prompt's answers (token numbers), each as a continuation of its prompt, in nats."""
    numbers: dict[int, int] = {}
    flat = [_flat(prompt, numbers) for prompt in prompts]
    found: list[list[float]] = [[] for _ in prompts]
    waiting = sorted(range(len(prompts)), key=lambda i: flat[i][0])  # neighbours share most
    tree, places = _Tree(), []  # places: prompt, answer, node before its first token
    for at, i in enumerate(waiting):
        nodes = tree.add(*flat[i])
        places.append((i, [(a, [nodes[-1], *tree.add(a, a, nodes[-1])]) for a in answers[i]]))
        if len(tree.parents) >= TREE_TOKENS or at + 1 == len(waiting):
            _read(language, tree, places, found)
            tree, places = _Tree(), []
    return found


def _read(language: LanguageModel, tree: _Tree, places: list, found: list[list[float]]) -> None:
    """The log p of all answers of one tree."""
    hidden = tree.hidden(language)
    asked = sorted({node for _, rows in places for _, path in rows for node in path[:-1]})
    row = {node: number for number, node in enumerate(asked)}
    log_p = torch.cat([language.logits(part).float().log_softmax(-1) for part in hidden[asked].split(256)])
    for i, rows in places:
        for answer, path in rows:
            at = [row[node] for node in path[:-1]]
            found[i].append(float(log_p[at, list(answer)].sum()))


@torch.no_grad()
def greedy(
    language: LanguageModel, prompts: Sequence[Sequence[Piece]], end: int, rooms: Sequence[int],
    allowed: Sequence[Allowed | None] = (),
) -> list[list[int]]:  # fmt: skip
    """The greedy answers to prompts, `end` left out, at most `rooms` tokens each; ROWS of like beginning side by side.

    allowed: of each prompt what may come next (`looking.py`); left out, anything.
    """
    allowed = allowed or [None] * len(prompts)
    answers: list[list[int]] = [[] for _ in prompts]
    numbers: dict[int, int] = {}
    flat = [_flat(prompt, numbers) for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda i: flat[i][0])
    for start in range(0, len(order), ROWS):
        some = order[start : start + ROWS]
        own, room, may = [flat[i] for i in some], [rooms[i] for i in some], [allowed[i] for i in some]
        for i, tokens in zip(some, _rows(language, own, end, room, may), strict=True):
            answers[i] = tokens
    return answers


def _prefilled(language: LanguageModel, prompts: Sequence[Flat], room: int) -> tuple[KVCache, Tensor, Tensor]:
    """A cache with each prompt at the left of its row and `room` behind the longest, their lengths [B], and the states
    [B, D] of their last tokens.

    A prompt that shares half of its tokens with the one before stands in one tree with it; with less in common, the
    attention of a larger tree would cost more than it spares.
    """
    lengths = torch.tensor([len(keys) for keys, _ in prompts])
    width = int(lengths.max())
    cache = language.new_cache(len(prompts), width + room)
    states, tree, rows = [], _Tree(), list[list[int]]()
    for number, (keys, sources) in enumerate(prompts):
        rows.append(tree.add(keys, sources))
        following = prompts[number + 1][0] if number + 1 < len(prompts) else []
        if following and 2 * tree.shared(following) >= len(following) and len(tree.parents) < TREE_TOKENS:
            continue
        own = language.new_cache(1, len(tree.parents))
        hidden = tree.hidden(language, own)
        for row, nodes in enumerate(rows, number + 1 - len(rows)):
            cache.keys[:, row, :, : len(nodes)] = own.keys[:, 0, :, nodes]
            cache.values[:, row, :, : len(nodes)] = own.values[:, 0, :, nodes]
            states.append(hidden[nodes[-1]])
        tree, rows = _Tree(), []
    cache.advance(width)
    return cache, lengths, torch.stack(states)


def _rows(
    language: LanguageModel, prompts: Sequence[Flat], end: int, rooms: Sequence[int], allowed: Sequence[Allowed | None]
) -> list[list[int]]:  # fmt: skip
    """New tokens stand behind the padding of their prompts, which nobody sees."""
    cache, lengths, state = _prefilled(language, prompts, max(rooms))
    width, alive = int(lengths.max()), torch.arange(len(prompts))
    answers: list[list[int]] = [[] for _ in prompts]
    while True:
        logits = language.logits(state)
        rows = zip(alive.tolist(), logits, strict=True)
        chosen = torch.stack([masked(row, allowed[i], answers[i], end).argmax() for i, row in rows])  # [B]
        going = []
        for row, (i, token) in enumerate(zip(alive.tolist(), chosen.tolist(), strict=True)):
            if token != end:
                answers[i].append(token)
                if len(answers[i]) < rooms[i]:
                    going.append(row)
        if not going:
            return answers
        if len(going) < len(alive):
            cache.keys, cache.values = cache.keys[:, going], cache.values[:, going]
            alive, chosen = alive[going], chosen[going]
        used = cache.used
        keys = torch.arange(used + 1)[None]
        behind = lengths[alive][:, None]
        mask = (keys < behind) | (keys >= width)  # [B, S]
        if language.config.window is not None:
            places = torch.where(keys < width, keys, keys - width + behind)
            mask &= places > behind + used - width - language.config.window
        positions = behind + used - width
        state = language(language.embed(chosen[:, None]), cache, mask[:, None, None], positions)[:, 0]
