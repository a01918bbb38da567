"""What the detector of events hears: when, speech or not, which words, which sounds. Each figure with its interval.

    python benchmarks/events.py [--model DIR] [--seed 9] [--worlds 60] [--json docs/events.json] [--only PART ...]

Worlds of the test's seed; espeak voices, real voices, sound effects and a sound font that were never trained on.
Thresholds were chosen on simulated tracks (align/events.py), the namer's settings with freepats as the unknown hand.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from heard import Ears, among, matched, mean, resampled, word_error_rate
from trenza.align import sayings
from trenza.align.soundtracks import levelled
from trenza.align.together import one
from trenza.data.corpora import speech
from trenza.data.corpora.instruments import FONTS, INSTRUMENTS, NOTES, play_row
from trenza.data.corpora.spoken import UNSEEN, prompts, readings
from trenza.data.worlds import crossing, films, recordings
from trenza.data.worlds.build import world_items
from trenza.data.worlds.track import RATE, faint_noise, prepared
from trenza.evaluate.statistics import wilson
from trenza.signals import Video, decode
from trenza.systems import load
from unheard import sound_effects

LANGUAGES = ("en", "es")
NEAR = 0.5  # seconds
BESIDE = "spoken questions beside their pictures"
Recording = tuple[np.ndarray, list[dict], str, list[str]]


def recordings_of(count: int, seed: int, families: Sequence, split: str) -> list[Recording]:
    """Sounds of `count` worlds, their true events, their language, and the names of what pictures show beside them; a
    spoken question is one event, carrier and name."""
    found = []
    for number in range(count):
        family = families[number % len(families)]
        unique = {}
        for item in world_items(number, seed, split, languages=LANGUAGES, family=family):
            shown = [thing["name"] for truth in item.truth["media"] for thing in truth.get("objects", ())]
            for media, truth in zip(item.media, item.truth["media"], strict=True):
                if truth.get("sounds"):
                    unique[media.sha256] = (media, truth["sounds"], item.language, shown)
        for media, sounds, language, shown in unique.values():
            signal = decode(media.data)
            samples = signal.audio.samples if isinstance(signal, Video) else signal.samples
            found.append((samples, joined(sounds), language, shown))
    return found


def joined(sounds: list[dict]) -> list[dict]:
    """Words less than 0.1 s apart belong to one saying."""
    together: list[dict] = []
    for sound in sounds:
        if together and sound["said"] and together[-1]["said"] and sound["start"] - together[-1]["end"] < 0.095:
            together[-1] = one(together[-1], sound)
        else:
            together.append(sound)
    return together


def in_worlds(ears: Ears, sounds: list[Recording], beside: bool) -> dict:
    """Times, speech or not, words and names over the events of worlds. beside: heard by who knows what is shown."""
    per_world, names, starts, ends = [], [], [], []
    spoken: dict[str, list[tuple[str, str]]] = {}
    for samples, truth, language, shown in sounds:
        rows = ears.hear(samples, shown if beside else ())
        pairs = matched(truth, rows)
        near = [
            abs(truth[i]["start"] - float(rows[j, 1])) <= NEAR and abs(truth[i]["end"] - float(rows[j, 2])) <= NEAR
            for i, j, _ in pairs
        ]
        speech_right = [float((rows[j, 0] > 0.5) == truth[i]["said"]) for i, j, _ in pairs]
        per_world.append((len(truth), len(rows), len(pairs), sum(near), [o for *_, o in pairs], speech_right))
        starts += [float(rows[j, 1]) - truth[i]["start"] for i, j, _ in pairs]
        ends += [float(rows[j, 2]) - truth[i]["end"] for i, j, _ in pairs]
        for i, j, _ in pairs:
            if truth[i]["said"]:
                spoken.setdefault(language, []).append((truth[i]["name"], ears.said(rows[j : j + 1])))
            else:
                ranked = list(ears.named(rows[j]))
                names.append((truth[i]["name"] == ranked[0], truth[i]["name"] in ranked))

    def share(of: Callable[[list], float]) -> list[float]:
        return resampled(per_world, of)

    report = {
        "n": len(sounds), "events": sum(w[0] for w in per_world),
        "both times within 0.5 s": share(lambda w: sum(x[3] for x in w) / sum(x[0] for x in w)),
        "temporal IoU, missed as 0": share(lambda w: sum(sum(x[4]) for x in w) / sum(x[0] for x in w)),
        "IoU at least 0.5": share(lambda w: sum(o >= 0.5 for x in w for o in x[4]) / sum(x[0] for x in w)),
        "missed": share(lambda w: 1 - sum(x[2] for x in w) / sum(x[0] for x in w)),
        "false alarms a true event": share(lambda w: sum(x[1] - x[2] for x in w) / sum(x[0] for x in w)),
        "number of events exact": share(lambda w: mean([x[0] == x[1] for x in w])),
        "speech or not": share(lambda w: mean([s for x in w for s in x[5]])),
        "error of start, s (mean, deviation)": [mean(starts), float(np.std(starts))],
        "error of end, s (mean, deviation)": [mean(ends), float(np.std(ends))],
    }  # fmt: skip
    report |= {f"spoken, {language}": word_error_rate(pairs) for language, pairs in spoken.items()}
    for language in LANGUAGES:
        right = [w[0] == w[1] for w, (_, _, asked, _) in zip(per_world, sounds, strict=True) if asked == language]
        report[f"number of events exact, {language}"] = wilson(sum(right), len(right))
    if names:
        report["name first of all"] = wilson(sum(a for a, _ in names), len(names))
        report["name among the 8"] = wilson(sum(b for _, b in names), len(names))
    return report


def alone(samples: np.ndarray, rng: np.random.Generator, seconds: float = 4.0) -> np.ndarray:
    """A sound somewhere in a quiet room."""
    track = faint_noise(rng, max(seconds, len(samples) / RATE + 0.5))
    begin = int(rng.integers(RATE // 10, len(track) - len(samples)))
    track[begin : begin + len(samples)] += levelled(samples, 0.06)
    return np.clip(track, -1, 1)


def spoken_names(ears: Ears, each: int, seed: int) -> dict:
    """WER of names by unseen espeak voices in both languages, of captions by real voices, and of whole sentences."""
    rng = np.random.default_rng(seed)
    report = {}
    for language in LANGUAGES:
        named = [n for n in sayings.names(language) if len(n) <= 24]
        chosen = [str(n) for n in rng.choice(named, each, replace=False)]
        everyone = []
        for voice in UNSEEN[language]:
            pairs = [(n, ears.said(ears.hear(alone(prepared(speech.speak(n, voice), 3.0), rng)))) for n in chosen]
            report[f"espeak {voice}"] = word_error_rate(pairs)
            everyone += pairs
        report[f"espeak, unseen voices, {language}"] = word_error_rate(everyone)
    real = [(v.name, ears.said(ears.hear(speech.recorded(v.file)))) for v in speech.real_voices()]
    report["stamp voices, en"] = word_error_rate(real)
    spanish = sayings.real("es", test=True)
    picked = [spanish[i] for i in rng.permutation(len(spanish))[:each]]
    heard = [(sayings.written(s.text, "es"), ears.said(ears.hear(speech.recorded(s.file)))) for s in picked if s.file]
    report["stamp voices, es, test split"] = word_error_rate(heard)
    return report


def sentences(ears: Ears, count: int, seed: int) -> dict:
    """Real English recordings of whole sentences: is all of it speech, and is a sentence one event?"""
    rng = np.random.default_rng(seed)
    report: dict[str, dict] = {}
    for title, entries in (
        ("asterisk prompts", list(prompts(("en",)))),
        ("pocketsphinx readings", list(readings(("en",)))),
    ):
        pairs = [entries[i].make() for i in rng.permutation(len(entries))[:count]]
        heard = [ears.hear(decode(pair.media.data).samples) for pair in pairs]
        times = [(float(r[2] - r[1]), float(r[0]) > 0.5) for rows in heard for r in rows]
        report[title] = {
            "n": len(pairs),
            "share of the time that is called speech": sum(t for t, s in times if s) / sum(t for t, _ in times),
            "one event": wilson(sum(len(rows) == 1 for rows in heard), len(heard)),
            "events (mean)": mean([len(rows) for rows in heard]),
        }  # fmt: skip
        if title == "pocketsphinx readings":  # a prompt's file name is only nearly what is said
            said = [(p.text, ears.said(rows)) for p, rows in zip(pairs, heard, strict=True)]
            report[title]["words"] = word_error_rate(said)
    return report


def instruments(ears: Ears, each: int, seed: int) -> dict:
    """Notes never trained on, of a trained font and of one never trained on, right among 30 names of the 128."""
    rng = np.random.default_rng(seed)
    report = {}
    for font in FONTS:
        row = [
            (program, int(rng.choice(NOTES)), int(rng.integers(50, 120)), float(rng.uniform(0.3, 1.0)))
            for program in range(len(INSTRUMENTS)) for _ in range(each)
        ]  # fmt: skip
        right, first, eight = [], 0, 0
        for (program, *_), samples in zip(row, play_row(font, row), strict=True):
            if np.abs(samples).max() < 1e-3:
                continue  # the font has no such note
            rows, truth = ears.hear(alone(prepared(samples), rng)), INSTRUMENTS[program]
            scores = ears.named(max(rows, key=lambda r: float(r[2] - r[1]))) if len(rows) else {}
            right.append(among(scores, truth, INSTRUMENTS, 30, rng))
            first += bool(scores) and next(iter(scores)) == truth
            eight += truth in scores
        report[f"{font}, notes never trained on"] = {
            "n": len(right), "right among 30 (chance 0.03)": resampled(right, mean),
            "first of all names": wilson(first, len(right)), "among the 8": wilson(eight, len(right)),
        }  # fmt: skip
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=load.EVENTS)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--each", type=int, default=20, help="names of a voice, sentences of a source")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", default=[], help="parts to measure; the others stay as --json has them")
    args = parser.parse_args()
    whisper = load.whisper()
    ears = Ears(load.events(whisper, args.model))
    kinds = {
        "recordings": recordings.FAMILIES,
        "spoken questions": (crossing.asked_aloud,),
        BESIDE: (crossing.asked_aloud,),
        "films": (films.happening,),
    }
    measures: dict[str, Callable[[], dict]] = {
        f"worlds, {kind}": lambda kind=kind, families=families: in_worlds(
            ears,
            recordings_of(args.worlds if kind == "recordings" else args.worlds // 5, args.seed, families, "test_seed"),
            beside=kind == BESIDE,
        )
        for kind, families in kinds.items()
    }
    measures |= {
        "spoken": lambda: spoken_names(ears, args.each, args.seed),
        "sentences": lambda: sentences(ears, args.each, args.seed),
        "instruments": lambda: instruments(ears, 1, args.seed),
        "sound effects": lambda: sound_effects(whisper, ears.names, args.seed),
    }
    for title in args.only or measures:
        begun = time.time()
        measured = measures[title]() | {"seed": args.seed, "seconds": round(time.time() - begun)}
        print(title, json.dumps(measured, indent=1, ensure_ascii=False), flush=True)
        if args.json:
            report = json.loads(args.json.read_text()) if args.json.is_file() else {}
            report["machine"] = f"{platform.machine()}, {torch.get_num_threads()} threads"
            args.json.write_text(json.dumps(report | {title: measured}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
