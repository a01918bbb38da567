"""Which questions a card asks: every item plainly, and of a random part of them all that the probes need.

Probes cost some twenty to thirty questions an item, so asking them of every item would make the card that much dearer
than the accuracy alone. The part is drawn at random, twins together and clusters in turn; each measure says its own n.
"""

from dataclasses import dataclass, field

import numpy as np

from trenza.errors import DataError, SignalError, UsageError
from trenza.evaluate import probes, probes_media
from trenza.evaluate.asking import Outcome, Request
from trenza.evaluate.cases import FORMS, Case, candidates, conversation, pose
from trenza.evaluate.probes_media import Regions
from trenza.evaluate.tasks import Task, pairs_in_order

PROBED_SHARE, PROBED_LEAST = 0.04, 64  # of the items; of a small task more, or its intervals say nothing
QUESTIONS_PER_PROBED, MORE_IF_OPEN = 36, 20  # at most; without choices, answers and their likelihood are two
ROTATIONS = 3  # of the options


@dataclass(frozen=True)
class Plan:
    """Numbers of the items asked plainly, and of those probed."""

    plain: tuple[int, ...]
    probed: frozenset[int]


def plan(task: Task, budget: int = 0, seed: int = 0) -> Plan:
    """At most `budget` questions (0: as many as the items ask for). Raises UsageError for a budget too small."""
    count = len(task.items)
    wanted = min(count, max(PROBED_LEAST, round(PROBED_SHARE * count)))
    each = QUESTIONS_PER_PROBED + MORE_IF_OPEN * any(not head.choices for head in task.items.heads)
    if budget and budget < count + wanted * each:
        if budget < 2 * each:
            raise UsageError(f"--budget {budget} is too small for a card of this task; it needs {2 * each} or more")
        wanted = min(wanted, budget // 2 // each)
        count = min(count, budget - wanted * each)
    chosen = pairs_in_order(task, seed, count)
    return Plan(tuple(sorted(chosen)), frozenset(chosen[:wanted]))


@dataclass(frozen=True)
class Question:
    """One request with its place in the results: what was done to item `index`, and the order of its options."""

    label: str
    index: int
    request: Request
    order: tuple[int, ...] = ()  # candidate i is the item's choice order[i]


@dataclass
class Writer:
    """Writes the questions about the items of a task, as cases go by."""

    task: Task
    scores: bool  # whether the model says log p of candidates
    seed: int = 0
    remarks: dict[str, int] = field(default_factory=dict)  # what could not be asked, with how often

    def __post_init__(self) -> None:
        self._kinds = [self.task.items.kinds(i) for i in range(len(self.task.items))]
        self._answers = [head.answer for head in self.task.items.heads]

    def plain(self, index: int, case: Case) -> list[Question]:
        """The item as it is."""
        return [Question("plain", index, Request(conversation(case)))]

    def probes(self, index: int, case: Case, answered: Outcome) -> list[Question]:
        """All that is asked about a probed item; `answered` is what came of it plainly."""
        rng = np.random.default_rng([self.seed, index])
        made = self._judged("full", index, case)
        made += [Question(f"plain/{form}", index, Request(conversation(case, form))) for form in FORMS[1:]]
        for form in FORMS:
            made += self._judged(f"blind/{form}", index, probes.blind(case), form)
        made += self._judged("neutral", index, probes.neutral(case))
        made += self._judged("paraphrased", index, probes.paraphrased(case))
        if (other := probes.partner(index, self._kinds, self._answers, rng)) >= 0:
            try:
                made += self._judged("shuffled", index, probes.shuffled(case, pose(self.task.items[other])))
            except SignalError:
                self._remark("the medium of another item, to be shuffled in, can't be decoded")
        for shift in range(1, min(ROTATIONS + 1, len(case.choices))):
            made += self._judged(f"permuted/{shift}", index, probes.permuted(case, shift))
        if case.item.capability == "cross" and len(case.media) > 1:
            for kept in range(len(case.media)):
                made += self._judged(f"medium/{kept}", index, probes.one_medium(case, kept))
        return made + self._of_evidence(index, case, answered, rng)

    def _of_evidence(self, index: int, case: Case, answered: Outcome, rng: np.random.Generator) -> list[Question]:
        made: list[Question] = []
        if where := probes_media.regions(case, case.item.evidence):
            drawn = None
            if self.task.redraw is not None:
                try:
                    drawn = self.task.redraw(case.item)
                except DataError:  # a thing that only the hidden one showed
                    self._remark("a scene couldn't be drawn again without its evidence, and was filled in")
            other = probes_media.control(case, where, rng, drawn)
            if other is None:
                self._remark("no room for a control region as large as the evidence: its hiding isn't probed")
            else:
                made += self._judged("hidden", index, probes_media.hidden(case, where, drawn))
                made += self._judged("control", index, other)
                made += self._judged("only", index, probes_media.only(case, where, drawn))
                made += self._judged("hidden/half", index, probes_media.hidden(case, where, drawn, 0.5))
                made += self._judged("only/half", index, probes_media.only(case, where, drawn, 0.5))
        if stated := self._stated(case, answered):
            other = probes_media.control(case, stated, rng)
            if other is not None:
                made += self._judged("hidden/stated", index, probes_media.hidden(case, stated))
                made += self._judged("control/stated", index, other)
        return made

    @staticmethod
    def _stated(case: Case, answered: Outcome) -> Regions:
        return probes_media.regions(case, answered.evidence) if answered.evidence else {}

    def _judged(self, label: str, index: int, case: Case, form: int = 0) -> list[Question]:
        """What settles whether this case is answered right: likelihood of its choices where it can be had."""
        said = conversation(case, form)
        if case.choices and self.scores:
            order = tuple(case.item.choices.index(c) for c in case.choices)
            return [Question(label, index, Request(said, candidates(case, form)), order)]
        made = [Question(label, index, Request(said))]
        if self.scores:
            made.append(Question(f"{label}:log_p", index, Request(said, (case.item.answer,)), (0,)))
        return made

    def _remark(self, what: str) -> None:
        self.remarks[what] = self.remarks.get(what, 0) + 1
