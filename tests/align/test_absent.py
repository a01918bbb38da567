"""Some talks ask where something is that isn't there, and answer so; nothing else about them changes."""

from trenza.align.absent import with_absent
from trenza.align.conversations import Asked, Talk
from trenza.conversation import WHOLE
from trenza.data.samples import Media
from trenza.data.worlds.asking import seen
from trenza.systems.abstaining import abstained

MEDIUM = Media("image", "png", b"never read")
ASKED = (Asked("What is this?", "a cow"),)


def talks(count: int, language: str = "en", **truth) -> list[Talk]:
    """Each shows two of nine things."""
    shown = [[f"thing {(3 * n + k) % 9}" for k in (0, 1)] for n in range(count)]
    worlds = [{"objects": [{"name": name} for name in names], **truth} for names in shown]
    return [Talk(f"talk-{n}", (MEDIUM,), ASKED, (world,), language) for n, world in enumerate(worlds)]


def test_a_share_of_talks_asks_for_what_is_missing():
    given = talks(400)
    made = list(with_absent(given))
    more = [(old, new) for old, new in zip(given, made, strict=True) if len(new.asked) == 2]
    assert 0.22 < len(more) / len(given) < 0.38
    for old, new in more:
        extra = new.asked[0]
        shown = [thing["name"] for thing in old.truth[0]["objects"]]
        assert abstained(extra.answer) and extra.evidence == seen(WHOLE) and new.asked[1:] == old.asked
        named = [n for n in (f"thing {i}" for i in range(9)) if f"{n} " in extra.answer]
        assert len(named) == 1 and named[0] not in shown and named[0] in extra.question
    assert list(with_absent(given)) == made


def test_it_speaks_the_talk_s_language():
    answers = [t.asked[0].answer for t in with_absent(talks(60, "es")) if len(t.asked) == 2]
    assert answers and all(a.startswith("Aquí no hay «thing ") for a in answers)


def test_films_pairs_of_pictures_and_what_has_no_truth_stay_as_they_are():
    films = talks(50, times=[0.0])
    pairs = [Talk(t.key, (MEDIUM, MEDIUM), t.asked, t.truth * 2, "en") for t in talks(50)]
    unknown = [Talk(str(n), (MEDIUM,), ASKED, (), "en") for n in range(50)]
    other = talks(50, language="fr")
    given = [*films, *pairs, *unknown, *other]
    assert list(with_absent(given)) == given


def test_only_an_abstention_is_one():
    assert abstained("There is no cow here.") and abstained(" Aquí no hay «vaca».")
    assert not any(abstained(t) for t in ("no", "No hay problema", "a cow", "There are 3.", ""))
