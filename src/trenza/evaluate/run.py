"""A run: all questions of a plan put to a model, in small chunks of bounded memory, resumable at any point."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from trenza.data.files import Broken
from trenza.errors import SignalError
from trenza.evaluate.asking import Asker, Outcome
from trenza.evaluate.cases import Case, pose
from trenza.evaluate.objects import Described, Poll, Polled
from trenza.evaluate.plan import Plan, Question, Writer
from trenza.evaluate.tasks import Task

CHUNK = 16  # items decoded at once
PROBED_TOGETHER = 4  # items whose probes, some twenty copies of their media, are in memory at once


@dataclass
class Results:
    """What came of a plan. outcomes: by label ("plain", "blind/0", "hidden" ...), by item number.

    Log p are in the order of the item's own choices, whatever order they were put in.
    """

    task: Task
    plan: Plan
    scores: bool
    outcomes: dict[str, dict[int, Outcome]] = field(default_factory=dict)
    polls: list[tuple[Polled, Outcome]] = field(default_factory=list)
    descriptions: list[tuple[Described, Outcome, frozenset[str]]] = field(default_factory=list)  # with what was named
    problems: list[Broken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    asked: int = 0
    kept: int = 0
    seconds: float = 0.0

    def of(self, label: str) -> dict[int, Outcome]:
        """Outcomes of one kind by item, those that failed left out."""
        return {i: o for i, o in self.outcomes.get(label, {}).items() if not o.failed}


def run(
    task: Task, plan: Plan, asker: Asker, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> Results:
    """Ask everything. progress(items done, items) follows each chunk. Raises EndpointError when nobody answers."""
    scores = asker.scores()
    results = Results(task, plan, scores)
    writer, poll = Writer(task, scores, seed), Poll(task, seed)
    done = 0
    for numbers in _pieces(plan.plain, CHUNK):
        cases = {i: c for i in numbers if (c := _posed(task, i, results)) is not None}
        _chunk(cases, plan, asker, writer, poll, results)
        done += len(numbers)
        if progress:
            progress(done, len(plan.plain))
    results.notes += [f"{what} ({count} times)" for what, count in writer.remarks.items()]
    results.failures = asker.failures
    results.asked, results.kept, results.seconds = asker.asked, asker.kept, asker.seconds
    return results


def _pieces(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _posed(task: Task, index: int, results: Results) -> Case | None:
    try:
        return pose(task.items[index])
    except SignalError as error:
        results.problems.append(Broken(task.items.heads[index].key, str(error)))
        return None


def _chunk(cases: dict[int, Case], plan: Plan, asker: Asker, writer: Writer, poll: Poll, results: Results) -> None:
    _ask([q for i, case in cases.items() for q in writer.plain(i, case)], asker, results)
    probed = {i: case for i, case in cases.items() if i in plan.probed}
    plain = results.outcomes.get("plain", {})
    for some in _pieces(list(probed.items()), PROBED_TOGETHER):
        _ask([q for i, case in some for q in writer.probes(i, case, plain[i])], asker, results)
        polls = [p for i, case in some for p in poll.questions(i, case, results.scores)]
        answered = asker.ask([p.request for p in polls])
        results.polls += [(p, o) for p, o in zip(polls, answered, strict=True) if not o.failed]
        wanted = [d for i, case in some if (d := poll.description(i, case)) is not None]
        for described, outcome in zip(wanted, asker.ask([d.request for d in wanted]), strict=True):
            if not outcome.failed:
                language = results.task.items.heads[described.index].language
                results.descriptions.append((described, outcome, poll.mentioned(outcome.text, language)))


def _ask(questions: Sequence[Question], asker: Asker, results: Results) -> None:
    for question, outcome in zip(questions, asker.ask([q.request for q in questions]), strict=True):
        if outcome.log_p:
            put = [0.0] * len(question.order)
            for place, value in zip(question.order, outcome.log_p, strict=True):
                put[place] = value
            outcome = Outcome(log_p=tuple(put))
        results.outcomes.setdefault(question.label, {})[question.index] = outcome
