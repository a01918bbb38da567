"""All corpora by name: what `trenza data build NAME` makes."""

from functools import partial

from trenza.data.corpora import drawn, freepats, instruments, spoken, tables
from trenza.data.corpora.entries import Corpus
from trenza.errors import UsageError

CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus("stamps", "GPL-2", drawn.stamp_pictures),
        Corpus("stamp-voices", "GPL-2", spoken.stamp_voices),
        Corpus("stamp-sounds", "GPL-2", spoken.stamp_sounds),
        Corpus("openclipart", "public domain", drawn.clip_art),
        Corpus("noto", drawn.LICENCES["noto"], partial(drawn.emoji_pictures, "noto")),
        Corpus("twemoji", drawn.LICENCES["twemoji"], partial(drawn.emoji_pictures, "twemoji")),
        Corpus("espeak", "MIT (names), synthetic voice", spoken.spoken_names),
        Corpus("easy-vqa", "MIT", tables.easy_vqa),
        Corpus("fashion-mnist", "MIT", tables.fashion),
        Corpus("photographs", "CC BY(-SA), GPL-2", drawn.photograph_pictures),
        Corpus("fluid-soundfont-gm", "MIT", partial(instruments.instruments, "fluid-soundfont-gm")),
        Corpus(freepats.SOURCE, freepats.LICENCE, freepats.notes_and_drums),
        # never trained on
        Corpus("openmoji", drawn.LICENCES["openmoji"], partial(drawn.emoji_pictures, "openmoji"), starter=False),
        Corpus("timgm6mb-soundfont", "GPL-2", partial(instruments.instruments, "timgm6mb-soundfont"), starter=False),
        Corpus("asterisk", "CC BY-SA 3.0", spoken.prompts, starter=False),
        Corpus("pocketsphinx", "BSD", spoken.readings, starter=False),
    )
}


def corpus(name: str) -> Corpus:
    """Raises UsageError for an unknown name."""
    if name not in CORPORA:
        raise UsageError(f"corpus {name!r} is unknown; known: {', '.join(CORPORA)}, worlds")
    return CORPORA[name]
