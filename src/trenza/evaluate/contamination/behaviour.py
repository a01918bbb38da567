"""How a model behaves that has seen the test, where nobody can look into its data. Four tests, each with its null:

order: the items in their published order are no likelier than in others (exchangeability: Oren et al. 2023, "Proving
test set contamination in black box language models"; sharded, by ranks). Holds where the published order is arbitrary.
completion, likelihood, accuracy: the model finishes published questions word for word no better, finds their wording
over a paraphrase no likelier, and answers them no better than fresh items made the same way. Without fresh items what
is measured is told, and no p-value is.
"""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from trenza.conversation import Conversation, Responder
from trenza.data.samples import Item
from trenza.errors import TrenzaError
from trenza.evaluate import cases, probes, reading
from trenza.evaluate.comparing import holm
from trenza.evaluate.contamination.ranks import greater, rank, small_ranks
from trenza.evaluate.contamination.texts import words

SHARDS = 16
ORDERS = 24  # shuffled orders beside the published one
SHARD_ITEMS, SHARD_LETTERS = (3, 8), 1500
MOST = 100  # items asked in each of the other tests
HALF_WORDS = 8  # of the shortest question that is halved
SURE = 0.01  # p-value, corrected for the number of tests, from which on a finding is flagged
EXAMPLES = 5
RECITE = "Write down the questions of the test with their answers, in their order, one a line."
FINISH = "Here is the beginning of a question. Write how it goes on, word for word, and nothing else.\n{begin}"


@dataclass(frozen=True)
class Finding:
    """One test. value and fresh: what was measured on published and on fresh items; n: how many of both.

    p: of the published being no different; None where there is no null to hold it to, and `skipped` says why.
    adjusted: p corrected for the number of tests (Holm). examples: the most telling items, in words.
    """

    name: str
    what: str
    value: float | None = None
    fresh: float | None = None
    n: int = 0
    p: float | None = None
    adjusted: float | None = None
    flagged: bool = False
    skipped: str = ""
    failed: int = 0  # items the model couldn't be asked
    examples: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Rephrase = Callable[[Item], str | None]
Ask = Callable[[Item], tuple[float, str] | None]  # a value and an example in words; None where an item has nothing


def behavioural(
    responder: Responder, items: Sequence[Item], seed: int = 0, fresh: Sequence[Item] = (),
    rephrase: Rephrase | None = None,
) -> list[Finding]:  # fmt: skip
    """The four tests on `items` in their published order; fresh: items made the same way, that no model has seen.

    rephrase: a question in other words, None where there are none; by default another wording of a world's template.
    A responder that scores no given text (an endpoint's `scores_given_text` is False) is spared the tests of
    likelihood. Failures of single items are counted, not raised.
    """
    likelihood = _likelihood(responder, rephrase or another_wording)
    found = [
        _order(responder, items, seed),
        _against_fresh("completion", COMPLETION, _completion(responder), responder, items, fresh, seed),
        _against_fresh("likelihood", LIKELIHOOD, likelihood, responder, items, fresh, seed),
        _against_fresh("accuracy", ACCURACY, _accuracy(responder), responder, items, fresh, seed),
    ]
    tested = [finding for finding in found if finding.p is not None]
    adjusted = dict(zip([f.name for f in tested], holm([f.p for f in tested if f.p is not None]), strict=True))
    return [
        replace(f, adjusted=adjusted[f.name], flagged=adjusted[f.name] < SURE) if f.name in adjusted else f
        for f in found
    ]


ORDER = "mean rank of the published order of items among shuffled ones, by log-likelihood; 0 is the first, 0.5 chance"
COMPLETION = "share of the second half of a question that the model adds to its first half, word for word"
LIKELIHOOD = "log p a word of a question, less that of a paraphrase of it, in nats"
ACCURACY = "share of items answered right"
NO_TEXT = "the model gives no log-likelihood of a text that is handed to it"


def _scores_text(responder: Responder) -> bool:
    return bool(getattr(responder, "scores", True) and getattr(responder, "scores_given_text", True))


# --- the order of the items ------------------------------------------------------------------------


def _order(responder: Responder, items: Sequence[Item], seed: int) -> Finding:
    finding = Finding("order", ORDER)
    if not _scores_text(responder):
        return replace(finding, skipped=NO_TEXT)
    shards = _shards(items)
    if len(shards) < 4:
        return replace(finding, skipped=f"{len(items)} items make {len(shards)} shards; 4 are the least")
    rng = np.random.default_rng(seed)
    orders = [[shard[i] for i in rng.permutation(len(shard))] for shard in shards for _ in range(ORDERS)]
    work = [[shard, *orders[ORDERS * n : ORDERS * (n + 1)]] for n, shard in enumerate(shards)]

    def ask(some: list[list[str]]) -> list[float] | None:
        return _tried(lambda: responder.score(Conversation.ask(RECITE), ["\n".join(lines) for lines in some]))

    scored = _at_once(responder, ask, work)
    ranks = [rank(s[0], s[1:], rng) for s in scored if s is not None]
    failed = len(scored) - len(ranks)
    if len(ranks) < 4:
        return replace(finding, failed=failed, skipped="too few shards could be scored")
    value = float(np.mean([(r - 1) / ORDERS for r in ranks]))
    return replace(finding, value=value, n=len(ranks), p=small_ranks(ranks, ORDERS + 1), failed=failed)


def _shards(items: Sequence[Item]) -> list[list[str]]:
    """Runs of neighbours as lines of text. Of items that share a medium only the first: they belong together."""
    seen: set[Hashable] = set()
    lines = []
    for item in items:
        medium = _cluster(item)
        if medium not in seen:
            lines.append(f"{item.question} {item.answer}".replace("\n", " ")[: SHARD_LETTERS // SHARD_ITEMS[0]])
        seen.add(medium)
    longest = max(map(len, lines), default=1)
    size = min(max(len(lines) // SHARDS, SHARD_ITEMS[0]), SHARD_ITEMS[1], max(SHARD_LETTERS // longest, SHARD_ITEMS[0]))
    whole = [lines[i : i + size] for i in range(0, len(lines) - size + 1, size)]
    return whole[:SHARDS]


def _cluster(item: Item) -> Hashable:
    return item.media[0].sha256 if item.media else item.key


# --- published items against fresh ones ------------------------------------------------------------


def _against_fresh(
    name: str, what: str, ask: Ask | None, responder: Responder, items: Sequence[Item], fresh: Sequence[Item], seed: int
) -> Finding:
    finding = Finding(name, what)
    if ask is None:
        return replace(finding, skipped=NO_TEXT)
    chosen = [_some(some, seed) for some in (items, fresh)]
    got = [_at_once(responder, lambda item: _tried(lambda: (ask(item),)), some) for some in chosen]
    failed = sum(row is None for rows in got for row in rows)
    kept = [
        [(row[0], item) for row, item in zip(rows, some, strict=True) if row is not None and row[0] is not None]
        for rows, some in zip(got, chosen, strict=True)
    ]
    published, other = ([value for (value, _), _ in rows] for rows in kept)
    if not published:
        return replace(finding, failed=failed, skipped="no item has what this test needs")
    telling = sorted(kept[0], key=lambda row: -row[0][0])[:EXAMPLES]
    finding = replace(
        finding, value=float(np.mean(published)), n=len(published), failed=failed,
        examples=tuple(f"{item.key}: {words_}" for (_, words_), item in telling if words_),
    )  # fmt: skip
    if not other:
        return replace(finding, skipped="there are no fresh items to hold it to")
    clusters = [(side, _cluster(item)) for side, rows in enumerate(kept) for _, item in rows]
    p = greater(published, other, clusters, seed)
    return replace(finding, fresh=float(np.mean(other)), n=len(published) + len(other), p=p)


def _some(items: Sequence[Item], seed: int) -> list[Item]:
    """At most MOST of them, drawn."""
    if len(items) <= MOST:
        return list(items)
    return [items[int(i)] for i in sorted(np.random.default_rng(seed).choice(len(items), MOST, replace=False))]


def _completion(responder: Responder) -> Ask:
    def ask(item: Item) -> tuple[float, str] | None:
        whole = item.question.split()
        if len(whole) < HALF_WORDS:
            return None
        begin, end = " ".join(whole[: len(whole) // 2]), words(" ".join(whole[len(whole) // 2 :]))
        said = words(responder.respond(Conversation.ask(FINISH.format(begin=begin))).text)
        if said[: len(words(begin))] == words(begin):  # some write the whole question
            said = said[len(words(begin)) :]
        same = next((n for n, (a, b) in enumerate(zip(said, end, strict=False)) if a != b), min(len(said), len(end)))
        return same / len(end), f"{begin!r} was finished by {' '.join(said[:same])!r}" if same else ""

    return ask


def another_wording(item: Item) -> str | None:
    """The question of a world in another wording of its template. A frame around the question is none: what was
    learned by heart is in it."""
    other = probes.paraphrased(cases.Case(item, (), item.question, item.choices)).question
    return None if item.question in other else other


def _likelihood(responder: Responder, rephrase: Rephrase) -> Ask | None:
    if not _scores_text(responder):
        return None

    def ask(item: Item) -> tuple[float, str] | None:
        other = rephrase(item)
        if other is None:
            return None
        log_p = responder.score(Conversation.ask(RECITE), [item.question, other])
        each = [p / max(len(words(text)), 1) for p, text in zip(log_p, (item.question, other), strict=True)]
        return each[0] - each[1], f"{each[0] - each[1]:+.2f} nats a word over {other!r}"

    return ask


def _accuracy(responder: Responder) -> Ask:
    def ask(item: Item) -> tuple[float, str] | None:
        said = responder.respond(cases.conversation(cases.pose(item))).text
        return float(reading.right(said, item.answer, item.choices)), ""

    return ask


# --- asking ----------------------------------------------------------------------------------------


def _tried(ask: Callable[[], Any]) -> Any:
    """What comes of it; None where this one can't be asked."""
    try:
        return ask()
    except TrenzaError:
        return None


def _at_once(responder: Responder, ask: Callable[[Any], Any], work: Sequence[Any]) -> list[Any]:
    """In order; so many at once as the responder bears."""
    with ThreadPoolExecutor(max(1, int(getattr(responder, "concurrent", 1)))) as pool:
        return list(pool.map(ask, work))
