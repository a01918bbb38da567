"""Whisper tiny.en on trenza's encoder-decoder path against CTranslate2: word error rates on real recordings.

    python benchmarks/transcribe.py [--prompts 150] [--seed 0] [--json docs/transcribe.json]

Sets, never trained on: PocketSphinx's test recordings with their transcripts, and prompts of Asterisk's telephone
voice, whose file names are nearly what is said (so their error rate is high for everybody; what counts is the
difference). Same weights in float32, greedy, each file one window of 30 s. CTranslate2 hears the features of
transformers' own extractor. Words are compared after Whisper's English normaliser.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ctranslate2
import jiwer
import numpy as np
import torch
from transformers import WhisperFeatureExtractor
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from trenza.checkpoints import parts
from trenza.checkpoints.fetch import fetch
from trenza.data.corpora import spoken
from trenza.signals import decode
from trenza.systems import load
from trenza.systems.transcribe import Transcriber

TARGET_POINTS = 0.5
DRAWS = 2000


def recordings(prompts: int, seed: int) -> dict[str, list[tuple[np.ndarray, str]]]:
    """By set: samples [N] at 16 kHz and what is said."""
    chosen = list(spoken.prompts(("en",)))
    order = np.random.default_rng(seed).permutation(len(chosen))[:prompts]
    sets = {"PocketSphinx": list(spoken.readings(("en",))), "Asterisk prompts": [chosen[i] for i in sorted(order)]}
    return {
        name: [(decode(pair.media.data, kind="audio").samples, pair.text) for pair in (e.make() for e in entries)]
        for name, entries in sets.items()
    }


def reference(transcriber: Transcriber, beams: int) -> Callable[[np.ndarray], str]:
    """CTranslate2's own transcription with the same prompt."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "model.bin").symlink_to(fetch(parts.AUDIO))
        words = transcriber.tokenizer
        names = [words._fast.id_to_token(i) or f"t{i}" for i in range(transcriber.whisper.config.vocabulary)]
        (folder / "vocabulary.txt").write_text("\n".join(names) + "\n")
        # The same rule for both: no empty beginning, all else may come.
        (folder / "config.json").write_text(json.dumps(
            {"suppress_ids": [], "suppress_ids_begin": transcriber.never_first, "alignment_heads": []}
        ))  # fmt: skip
        model = ctranslate2.models.Whisper(str(folder), compute_type="float32", intra_threads=torch.get_num_threads())
    extractor = WhisperFeatureExtractor(feature_size=80)

    def transcribe(samples: np.ndarray) -> str:
        mel = extractor(samples, sampling_rate=16_000, return_tensors="np").input_features
        view = ctranslate2.StorageView.from_array(mel.astype(np.float32))
        found = model.generate(view, [transcriber.prompt], beam_size=beams, suppress_blank=True)
        return words.decode(found[0].sequences_ids[0])

    return transcribe


def error_rate(said: list[str], heard: list[str]) -> float:
    return jiwer.wer(said, heard)


def difference(said: list[str], ours: list[str], theirs: list[str], seed: int) -> list[float]:
    """Ours minus theirs in points, with its 95% percentile bootstrap interval over files."""
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(DRAWS):
        rows = rng.integers(0, len(said), len(said))
        texts = [[column[i] for i in rows] for column in (said, ours, theirs)]
        draws.append(100 * (error_rate(texts[0], texts[1]) - error_rate(texts[0], texts[2])))
    measured = 100 * (error_rate(said, ours) - error_rate(said, theirs))
    return [measured, *np.percentile(draws, [2.5, 97.5]).tolist()]


def compare(files: list[tuple[np.ndarray, str]], engines: dict[str, Callable[[np.ndarray], str]], seed: int) -> dict:
    normalise = EnglishTextNormalizer({})
    said = [normalise(text) for _, text in files]
    heard, seconds = {}, {}
    for name, engine in engines.items():
        begun = time.perf_counter()
        heard[name] = [normalise(engine(samples)) for samples, _ in files]
        seconds[name] = time.perf_counter() - begun
    kept = [i for i, text in enumerate(said) if text]
    said = [said[i] for i in kept]
    ours, *theirs = ({n: [h[i] for i in kept] for n, h in heard.items()}).values()
    return {
        "files": len(kept), "words": sum(len(text.split()) for text in said),
        "audio seconds": sum(len(samples) for samples, _ in files) / 16_000,
        "error rate": {n: error_rate(said, [h[i] for i in kept]) for n, h in heard.items()},
        "difference in points": difference(said, ours, theirs[0], seed),
        "same text": sum(a == b for a, b in zip(ours, theirs[0], strict=True)) / len(kept),
        "seconds": seconds,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=150, help="how many of Asterisk's, drawn with the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    transcriber = load.transcriber()
    engines = {
        "trenza": lambda samples: transcriber.tokenizer.decode(transcriber.tokens(torch.from_numpy(samples.copy()))),
        "CTranslate2, greedy": reference(transcriber, beams=1),
        "CTranslate2, 5 beams": reference(transcriber, beams=5),
    }
    report = {
        "seed": args.seed, "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "target in points": TARGET_POINTS,
    }  # fmt: skip
    for name, files in recordings(args.prompts, args.seed).items():
        report[name] = compare(files, engines, args.seed)
        print(name, json.dumps(report[name], indent=1), flush=True)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
