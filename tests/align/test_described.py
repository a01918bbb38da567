"""Talks ask after all that a medium holds; the answer is the world's own truth."""

import pytest

from trenza.align.conversations import Talk, talks
from trenza.align.described import with_descriptions
from trenza.conversation import Box, Span
from trenza.data.samples import Media
from trenza.data.worlds import albums, crossing, films, papers, pictures, recordings
from trenza.data.worlds.build import world_items


def asked_more(family, language="en", worlds=12) -> tuple[list[Talk], list[Talk]]:
    """Talks of a family, and those among them that got a question more."""
    items = [i for n in range(worlds) for i in world_items(n, 3, "train", languages=(language,), family=family)]
    given = list(talks(items))
    made = list(with_descriptions(given))
    assert [t.asked[-len(old.asked) :] for t, old in zip(made, given, strict=True)] == [t.asked for t in given]
    return given, [t for t, old in zip(made, given, strict=True) if len(t.asked) > len(old.asked)]


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_picture_s_things_are_named_from_left_to_right_each_with_its_box(language):
    given, more = asked_more(pictures.swapped, language, worlds=60)
    assert len(more) == len(given) > 0
    for talk in more:
        said, truth = talk.asked[0], talk.truth[0]["objects"]
        order = sorted(truth, key=lambda t: t["box"][0] + t["box"][2])
        assert said.answer == ", ".join(t["name"] for t in order) and len(said.evidence) == len(truth)
        assert [list(vars(e.where).values()) for e in said.evidence] == [t["box"] for t in order]


def test_the_second_picture_is_the_second():
    _, more = asked_more(albums.compared, worlds=30)
    second = [t.asked[0] for t in more if "second" in t.asked[0].question]
    first = [t.asked[0] for t in more if "first" in t.asked[0].question]
    assert second and first
    assert all({e.part for e in said.evidence} == {1} for said in second)
    assert all({e.part for e in said.evidence} == {0} for said in first)


def test_films_and_sounds_are_told_as_they_come():
    _, more = asked_more(films.happening)
    assert more and all(isinstance(e.where, Box) for t in more for e in t.asked[0].evidence)
    _, more = asked_more(recordings.reordered)
    for said in (t.asked[0] for t in more):
        starts = [e.where.start for e in said.evidence if isinstance(e.where, Span)]
        assert starts == sorted(starts) and len(said.answer.split(", ")) <= len(starts)
    assert more


def test_what_mixes_media_names_no_things_or_is_unknown_stays_as_it_is():
    for family in (crossing.heard_and_seen, papers.forms):
        assert not asked_more(family)[1]
    unknown = [Talk(str(n), (Media("image", "png", b""),), (), (), "en") for n in range(40)]
    assert list(with_descriptions(unknown)) == unknown
