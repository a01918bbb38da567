"""Questions about recordings. Each world is one edit: exchange two events or their loudness, replace, recount."""

from collections.abc import Sequence
from dataclasses import replace

from trenza.conversation import Span
from trenza.data.samples import Media
from trenza.data.worlds.asking import Side, World, heard, json_text, span_text
from trenza.data.worlds.stock import Thing
from trenza.data.worlds.track import LOUD, QUIET, Event, faint_noise, flac, mixed, prepared, starts, truth

AUDIBLE_KINDS = 8  # with fewer things that have a sound of their own, all worlds speak
Recording = tuple[Media, list[Event]]


def clips(world: World, things: Sequence[Thing]) -> list[Event]:
    """An event for each thing, at time 0: its own sound where it has one, else its name spoken."""
    voice = int(world.rng.integers(1000))
    made = []
    for thing in things:
        name = thing.names[world.language]
        said = thing.effect is None
        samples = thing.effect if thing.effect is not None else world.stock.say(name, world.language, voice)
        made.append(Event(name, prepared(samples), 0.0, said))
    return made


def cast(world: World, count: int, anchored: int) -> list[Event]:
    """Events of `count` things: all spoken, or where the stock has enough of them sounds and words mixed."""
    chooser = world.chooser()
    audible = sum(t.effect is not None for t in chooser.things) >= AUDIBLE_KINDS and world.coin()
    # Animals make most of the sounds and are alike in kind, so more than three apart are not to be had.
    if audible and count <= 3:
        things = chooser.things_apart(count, anchored, audible=True)
        return clips(world, [replace(t, effect=None) if world.rng.random() < 0.3 else t for t in things])
    things = chooser.things_apart(count, anchored)
    return clips(world, [replace(t, effect=None) for t in things])


def called(world: World, event: Event) -> str:
    """How a question speaks of an event: the word “cow”, or the sound of the cow."""
    return world.phrases.word("said" if event.said else "sounded", x=event.name)


def record(world: World, events: list[Event]) -> Recording:
    return flac(mixed(events, faint_noise(world.rng))), events


def at(events: Sequence[Event], times: Sequence[float]) -> list[Event]:
    return [replace(e, start=t) for e, t in zip(events, times, strict=True)]


class Recorded:
    """The two recordings of an edit, over the same noise, and sides of questions made from them."""

    def __init__(self, world: World, before: list[Event], after: list[Event]):
        noise = faint_noise(world.rng)
        self.world = world
        self.a, self.b = ((flac(mixed(events, noise)), events) for events in (before, after))

    def ask(
        self, template: str, capability: str, answers: tuple[str, str], spans: tuple[Sequence[Span], Sequence[Span]],
        choices: Sequence[str] = (), **words: str,
    ) -> None:  # fmt: skip
        sides = [
            Side((media,), (truth(events),), answer, heard(*where))
            for (media, events), answer, where in zip((self.a, self.b), answers, spans, strict=True)
        ]
        self.world.twins(template, capability, sides, choices or answers, **words)

    def spans(self, *names: str) -> tuple[list[Span], list[Span]]:
        a, b = ([e.span for e in events if e.name in names] for _, events in (self.a, self.b))
        return a, b


def reordered(world: World) -> None:
    """Two events exchange their times."""
    x, y = cast(world, 2, anchored=1)
    early, late = starts([len(x.clip), len(y.clip)], world.rng)
    # y starts so that it ends with what x left free; both orders fit for any two lengths.
    shift = (len(y.clip) - len(x.clip)) / 16_000
    before, after = at([x, y], [early, late]), at([y, x], [early, round(late + shift, 2)])
    recorded = Recorded(world, before, after)
    asked = world.shuffled((x, y))[0]
    (a,), (b,) = recorded.spans(asked.name)
    recorded.ask("when", "locate", (span_text(a), span_text(b)), ([a], [b]), x=called(world, asked))
    both = recorded.spans(x.name, y.name)
    one, two = world.shuffled((x, y))
    yes_no = world.yes_no() if one is x else world.yes_no()[::-1]
    recorded.ask("is_before", "verify", yes_no, both, x=called(world, one), y=called(world, two))
    one, two = world.shuffled((x.name, y.name))
    recorded.ask("first", "compare", (x.name, y.name), both, x=one, y=two)
    orders = (f"{x.name}, {y.name}", f"{y.name}, {x.name}")
    recorded.ask("transcript" if x.said and y.said else "sounds", "describe", orders, both)


def louder(world: World) -> None:
    """A loud and a quiet event exchange their loudness."""
    x, y = cast(world, 2, anchored=1)
    order = world.shuffled((x, y))
    times = starts([len(e.clip) for e in order], world.rng)
    before = [replace(e, rms=LOUD if e.name == x.name else QUIET) for e in at(order, times)]
    after = [replace(e, rms=QUIET if e.rms == LOUD else LOUD) for e in before]
    recorded = Recorded(world, before, after)
    both = recorded.spans(x.name, y.name)
    one, two = world.shuffled((x, y))
    recorded.ask("louder", "compare", (x.name, y.name), both, x=one.name, y=two.name)
    yes_no = world.yes_no() if one is x else world.yes_no()[::-1]
    recorded.ask("is_louder", "verify", yes_no, both, x=called(world, one), y=called(world, two))
    (a,), (b,) = recorded.spans(x.name)[0], recorded.spans(y.name)[1]
    recorded.ask("loudest", "locate", (span_text(a), span_text(b)), ([a], [b]))
    asked = world.shuffled((x, y))[0]
    first, second = world.phrases.word("first"), world.phrases.word("second")
    right = (first, second) if asked is x else (second, first)
    two_recordings(world, "louder_in", recorded.a, recorded.b, right, called(world, asked), asked.name)


def replaced(world: World) -> None:
    """One event becomes another."""
    z, x, y = cast(world, 3, anchored=2)
    longest = max((x, y), key=lambda e: len(e.clip))
    order = world.shuffled((0, 1))
    times = starts([len((z, longest)[i].clip) for i in order], world.rng)
    time = {i: times[order.index(i)] for i in (0, 1)}
    before, after = at([z, x], [time[0], time[1]]), at([z, y], [time[0], time[1]])
    recorded = Recorded(world, before, after)
    in_x, in_y = recorded.spans(x.name)[0], recorded.spans(y.name)[1]
    whole = [Span(0.0, 4.0)]
    if world.coin():
        recorded.ask("is_heard", "verify", world.yes_no(), (in_x, whole), x=called(world, x))
    else:
        recorded.ask("is_heard", "verify", world.yes_no()[::-1], (whole, in_y), x=called(world, y))
    options = world.shuffled((x.name, y.name))
    recorded.ask("which_heard", "describe", (x.name, y.name), (in_x, in_y), options, x=options[0], y=options[1])
    first, second = world.phrases.word("first"), world.phrases.word("second")
    asked, right = (x, (first, second)) if world.coin() else (y, (second, first))
    two_recordings(world, "heard_in", recorded.a, recorded.b, right, called(world, asked), asked.name)
    changes = [world.phrases.word("change", x=p.name, y=q.name) for p, q in ((x, y), (y, x))]
    two_recordings(world, "changed_sounds", recorded.a, recorded.b, (changes[0], changes[1]), "", x.name, y.name)


def recounted(world: World) -> None:
    """One of n + 1 events becomes one of the n others."""
    x, y = cast(world, 2, anchored=1)
    few = 1 if world.coin() else 2
    shorter = 3.2 / (2 * few + 1)
    x, y = (replace(e, clip=prepared(e.clip, min(shorter, 0.6))) for e in (x, y))
    longest = max(len(x.clip), len(y.clip))
    kinds = world.shuffled([x] * few + [y] * (few + 1))
    times = starts([longest] * len(kinds), world.rng, gap=0.1)
    before = at(kinds, times)
    turned = next(i for i, e in enumerate(before) if e.name == y.name)
    after = [replace(x, start=e.start) if i == turned else e for i, e in enumerate(before)]
    recorded = Recorded(world, before, after)
    asked = x if world.coin() else y
    counts = (few, few + 1) if asked is x else (few + 1, few)
    where, every = recorded.spans(asked.name), recorded.spans(x.name, y.name)
    numbers = [str(few), str(few + 1)]
    recorded.ask(f"times_{few}", "describe", (str(counts[0]), str(counts[1])), where, numbers, x=called(world, asked))
    claimed = few + int(world.coin())
    yes_no = world.yes_no() if claimed == counts[0] else world.yes_no()[::-1]
    recorded.ask("is_times", "verify", yes_no, where, x=called(world, asked), n=str(claimed))
    one, two = world.shuffled((x.name, y.name))
    recorded.ask("more_often", "compare", (y.name, x.name), every, x=one, y=two)
    first, second = world.shuffled([(x.name, few, few + 1), (y.name, few + 1, few)])
    answers = tuple(json_text({first[0]: first[i], second[0]: second[i]}) for i in (1, 2))
    recorded.ask("sound_counts", "extract", (answers[0], answers[1]), every, x=first[0], y=second[0])


def two_recordings(
    world: World, template: str, one: Recording, other: Recording, answers: tuple[str, str], x: str, *named: str
) -> None:
    """A question about two recordings; the twin has them the other way round."""
    sides = []
    for pair, answer in zip(((one, other), (other, one)), answers, strict=True):
        evidence = tuple(
            e for part, (_, events) in enumerate(pair)
            for e in heard(*(event.span for event in events if event.name in named), part=part)
        )  # fmt: skip
        sides.append(Side(tuple(m for m, _ in pair), tuple(truth(events) for _, events in pair), answer, evidence))
    world.twins(template, "compare", sides, answers, x=x)


FAMILIES = (reordered, louder, replaced, recounted)
