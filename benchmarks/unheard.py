"""Sound effects never heard, named by what Whisper would have written of them.

Whisper as it was published writes "(roaring)" where subtitles would, so it knows of sounds that no namer here learned:
each name is scored by the log p of its being written in brackets (Ma et al. 2023, "Investigating the Emergent Audio
Classification Ability of ASR Foundation Models", section 3), less what training's effects get on average. The forms
were chosen on those effects: of six, the two best, each sound as it is and repeated.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from heard import among, mean, resampled
from trenza.align.lexicon import whisper_words
from trenza.align.soundtracks import effects
from trenza.data.corpora import pictures, speech
from trenza.data.corpora.instruments import INSTRUMENTS
from trenza.data.worlds.sources import SOUNDING, stock_of
from trenza.data.worlds.track import RATE, prepared
from trenza.towers.expected import log_p
from trenza.towers.whisper import CHUNK_SECONDS, Whisper, log_mel, pad_seconds

FORMS = ("({})", " [{}]")
REPEATED = (1, 6)
LONGEST = 12  # seconds of repetition


def unheard_effects() -> list[tuple[str, np.ndarray]]:
    """(name, samples) of the test stamps' own sounds, none the same file as a training stamp's."""
    stamps = [p for p in pictures.stamps() if p.key.startswith(SOUNDING) and p.file is not None]
    sounding = [(p, p.file.with_suffix(".ogg")) for p in stamps if p.file and p.file.with_suffix(".ogg").is_file()]
    known = {file.read_bytes() for p, file in sounding if not p.test}
    return [
        (p.name, prepared(speech.recorded(file)[: 2 * RATE], 2.0))
        for p, file in sounding if p.test and file.read_bytes() not in known
    ]  # fmt: skip


@torch.no_grad()
def would_write(whisper: Whisper, spelled: Sequence[Sequence[list[int]]], samples: np.ndarray) -> Tensor:
    """log p of each name's being written, [N], over repetitions and forms. spelled: by form, the names' tokens."""
    loud = 0.5 * samples / (np.abs(samples).max() + 1e-6)
    total = torch.zeros(len(spelled[0]))
    for times in REPEATED:
        sound = torch.from_numpy(np.tile(loud, times)[: LONGEST * RATE].astype(np.float32))
        (features,) = whisper.encoder(log_mel(pad_seconds(sound, CHUNK_SECONDS))[None])
        for texts in spelled:
            total += log_p(whisper.decoder, features, texts, ended=False)
    return total


def sound_effects(whisper: Whisper, trained: Sequence[str], seed: int) -> dict:
    """Effects never heard, right among 10 names of effects.

    trained: the names that the detector's namer has. The same of training's effects, on which the forms were chosen.
    """
    rng, words = np.random.default_rng(seed), whisper_words()
    clips, usual = unheard_effects(), [(c.name, c.samples) for c in effects(stock_of("train", ("en", "es")))]
    of_effects = sorted({name for name, _ in clips} | (set(trained) - set(INSTRUMENTS)))
    spelled = [[words.encode(f.format(n), add_special_tokens=False).ids for n in of_effects] for f in FORMS]
    scores = {
        kind: torch.stack([would_write(whisper, spelled, samples) for _, samples in sounds])
        for kind, sounds in (("usual", usual), ("never heard", clips))
    }
    raised = {kind: value - scores["usual"].mean(0) for kind, value in scores.items()}

    def right(kind: str, names: Sequence[str]) -> list[float]:
        rows = [dict(zip(of_effects, row.tolist(), strict=True)) for row in raised[kind]]
        return resampled([among(row, name, of_effects, 10, rng) for row, name in zip(rows, names, strict=True)], mean)

    named = [name for name, _ in clips]
    return {
        "n": len(clips), "names": named,
        "right among 10 names of effects (chance 0.10)": right("never heard", named),
        "of training's effects, right among 10 names of effects": right("usual", [name for name, _ in usual]),
    }  # fmt: skip
