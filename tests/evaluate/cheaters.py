"""Planted responders: an oracle that looks at what it is shown, and cheaters that don't, or lie about it."""

import math
import zlib

import numpy as np

from trenza.conversation import Answer, Box, Conversation, Usage
from trenza.evaluate import probes
from trenza.evaluate.asking import Asker
from trenza.evaluate.card import Card, card
from trenza.evaluate.cases import FORMS, Case, asked, candidates, pose
from trenza.evaluate.objects import DESCRIBE, PRESENT, objects
from trenza.evaluate.plan import plan
from trenza.evaluate.run import Results, run
from trenza.evaluate.store import Store
from trenza.evaluate.tasks import Task
from trenza.signals import SAMPLE_RATE, Audio, Image, Video

SURE = 0.999


def unchanged(original, shown, wheres) -> float:
    """Share of the evidence in a medium that is shown as it was."""
    if original == shown or type(original) is not type(shown):
        return float(original == shown)
    if isinstance(original, Audio):
        if len(original.samples) != len(shown.samples):
            return 0.0
        same, kept = original.samples == shown.samples, np.zeros(len(shown.samples), bool)
        for w in wheres:
            kept[int(w.start * SAMPLE_RATE) : int(w.end * SAMPLE_RATE)] = True
        return float(same[kept].mean()) if wheres else float(same.mean())
    first, second = (s.pixels[None] if isinstance(s, Image) else s.frames for s in (original, shown))
    if first.shape != second.shape:
        return 0.0
    same = (first == second).all(-1)
    kept, (_, height, width) = np.zeros(same.shape, bool), same.shape
    for w in wheres:
        if isinstance(w, Box):
            kept[:, round(w.y0 * height) : round(w.y1 * height), round(w.x0 * width) : round(w.x1 * width)] = True
        elif isinstance(original, Video):
            kept[(original.times >= w.start) & (original.times < w.end)] = True
    return float(same[kept].mean()) if kept.any() else float(same.all())


class Oracle:
    """Knows the truth of each item, and tells it as far as the evidence is really there to be seen."""

    def __init__(self, task: Task, states: bool = True):
        self.task, self.states, self.asked = task, states, 0
        self.known: dict[str, list[tuple[int, Case, int]]] = {}
        self.originals = [pose(item) for item in task.items]
        for index, case in enumerate(self.originals):
            for form in FORMS:
                self._learn(index, case, form)
                self._learn(index, probes.blind(case), form)
            self._learn(index, probes.paraphrased(case), 0)
            for shift in range(1, len(case.choices)):
                self._learn(index, probes.permuted(case, shift), 0)
        self.pictures = {c.media[0].content_hash: c.item for c in self.originals if isinstance(c.media[0], Image)}

    def _learn(self, index: int, case: Case, form: int) -> None:
        self.known.setdefault(asked(case, form), []).append((index, case, form))

    def seen(self, conversation: Conversation) -> tuple[int, Case, int, float]:
        """The item that the media are most like, as it was asked, and how much of its evidence is there."""
        *media, text = (p.signal for p in conversation.parts)
        best = (*self.known[text][0], 0.0)
        for index, case, form in self.known[text]:
            if tuple(media) == self.originals[index].media:
                return index, case, form, 1.0
        for index, case, form in self.known[text]:
            original = self.originals[index]
            if len(media) == len(original.media):
                parts = [
                    unchanged(o, m, [e.where for e in case.item.evidence if e.part == i])
                    for i, (o, m) in enumerate(zip(original.media, media, strict=True))
                ]
                if math.prod(parts) > best[3]:
                    best = (index, case, form, math.prod(parts))
        return best

    # What cheaters change: what is believed of a question about an item, of a picture, and how it is said.

    def belief(self, conversation: Conversation) -> tuple[int, Case, int, np.ndarray]:
        index, case, form, share = self.seen(conversation)
        p = np.full(len(case.choices), 1 / len(case.choices)) * (1 - share * SURE)
        p[case.choices.index(case.item.answer)] += share * SURE
        return index, case, form, p

    def there(self, item, name: str) -> bool:
        return name in objects(item.truth)

    def say(self, answer: str, case: Case, form: int) -> str:
        return answer

    # The protocol.

    def _asked_of_picture(self, conversation: Conversation):
        """The item and the thing asked for, in POPE's words; or the item alone, for a description."""
        *media, text = (p.signal for p in conversation.parts)
        if any(tuple(media) == self.originals[index].media for index, _, _ in self.known.get(text, ())):
            return None  # a world's own question that happens to be worded alike, with its own order of choices
        item = self.pictures.get(media[0].content_hash) if media else None
        if item is None:
            return None  # likewise, of a picture that a probe has changed
        for language in PRESENT:
            before, after = PRESENT[language].split("{x}")
            if text.startswith(before):
                return item, text[len(before) :].partition(after + "\n")[0]
            if text == DESCRIBE[language]:
                return item, ""
        return None

    def respond(self, conversation: Conversation) -> Answer:
        self.asked += 1
        usage = Usage(1, 1, 1)
        if (found := self._asked_of_picture(conversation)) and not found[1]:
            return Answer(", ".join(sorted(objects(found[0].truth))), (), None, usage)
        index, case, form, p = self.belief(conversation)
        if p.max() < 1.2 / len(p):
            return Answer("I can't see that.", (), None, usage)
        answer = candidates(case, form)[int(p.argmax())]
        stated = self.originals[index].item.evidence if self.states else ()
        return Answer(self.say(answer, case, form), stated, None, usage)

    def score(self, conversation: Conversation, candidates) -> list[float]:
        self.asked += 1
        if found := self._asked_of_picture(conversation):
            yes = SURE if self.there(*found) else 1 - SURE
            return [math.log(yes), math.log(1 - yes)]
        if conversation.parts[-1].signal not in self.known:
            return [math.log(1 / len(candidates))] * len(candidates)
        p = self.belief(conversation)[3]
        return np.log(np.maximum(p, 1e-9)).tolist() if len(p) == len(candidates) else [-1.0] * len(candidates)


class TextOnly(Oracle):
    """Reads the question and answers yes, or the first of the options; the media it never looks at."""

    def __init__(self, task: Task):
        super().__init__(task, states=False)

    def belief(self, conversation: Conversation):
        index, case, form = self.known[conversation.parts[-1].signal][0]
        p = np.full(len(case.choices), 0.1 / (len(case.choices) - 1))
        first = next((i for i, c in enumerate(case.choices) if c in ("yes", "sí")), 0)
        p[first] = 0.9
        return index, case, form, p


class Cued(Oracle):
    """Answers from a patch in the corner of the picture, which tells the number of the answer. See `with_cues`."""

    def belief(self, conversation: Conversation):
        index, case, form = self.known[conversation.parts[-1].signal][0]
        first = next((p.signal for p in conversation.parts if isinstance(p.signal, Image)), None)
        p = np.full(len(case.choices), 1 / len(case.choices))
        if first is not None and tuple(first.pixels[1, 1, 1:]) == (255, 0):
            choice = case.item.choices[int(first.pixels[1, 1, 0]) % len(case.choices)]
            p = np.full(len(case.choices), 0.02 / (len(case.choices) - 1))
            p[case.choices.index(choice)] = 0.98
        return index, case, form, p


class Chatty(Oracle):
    """Is right, and never says it in one word."""

    WRAPPINGS = (
        "Sure! The answer is **{a}**.", "Creo que es {a}.", "La respuesta correcta es: *{a}*", "I believe it is {a}.",
        "# Answer\n\n- {a}", "> {a}", "Looking closely, the correct option is {a}.", "```\n{a}\n```",
    )  # fmt: skip

    def say(self, answer: str, case: Case, form: int) -> str:
        return self.WRAPPINGS[zlib.crc32(f"{case.item.key}{form}".encode()) % len(self.WRAPPINGS)].format(a=answer)


class YesSayer(Oracle):
    """Knows its things, and sees whatever it is asked for."""

    def there(self, item, name: str) -> bool:
        return True


def judged(task: Task, responder) -> tuple[Card, Results]:
    results = run(task, plan(task), Asker(responder, "planted", Store(":memory:")))
    return card("planted", results), results
