"""Tells a detector of events what is likely to be said, and how sure the listener has to be of anything else.

    python -m trenza.align.expected --model DIR --utterances DIR [--listener FILE]

writes into the config in DIR the names that training says, in English and Spanish, the words that questions are asked
aloud with, and the lead (`towers/expected.py`), chosen on utterances that the listener wasn't tuned on.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from safetensors.torch import load_file
from tokenizers import Tokenizer as Vocabulary

from trenza.align.concepts import spoken_texts
from trenza.align.lexicon import whisper_words
from trenza.align.sayings import LONGEST, carriers, names
from trenza.align.speech import Utterances
from trenza.checkpoints.folder import load_folder, save_folder
from trenza.systems import load
from trenza.towers.expected import Expected
from trenza.towers.hearing import listen
from trenza.towers.whisper import WhisperDecoder

LANGUAGES = ("en", "es")
LEADS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)


def texts() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names in all languages, and carriers."""
    english = [text for text, weight in zip(*spoken_texts(), strict=True) if weight == 1.0]
    known = {*english, *(name for language in LANGUAGES for name in names(language))}
    asked = (carrier for language in LANGUAGES for carrier in carriers(language))
    return tuple(sorted(name for name in known if len(name) <= LONGEST)), tuple(asked)


def weighed(
    listener: WhisperDecoder, words: Vocabulary, utterances: Utterances, names: Sequence[str], asked: Sequence[str]
) -> Iterator[tuple[bool, bool, bool, float]]:
    """Held-out utterances of names, each once while all names are known and once while every second isn't, its own
    among them: whether it is known, whether it was written exactly, whether the nearest known text is it, and by how
    many nats that one is less likely."""
    alternate = [Expected(names[1 - i :: 2], asked, 0.0, words) for i in (0, 1)]  # without the even, without the odd
    everything, index = Expected(names, asked, 0.0, words), {name: i for i, name in enumerate(names)}
    numbers = [n for n in utterances.held_out() if utterances.text(n) in index]
    windows = [utterances.window(n) for n in numbers]
    for number, window, (_, said) in zip(numbers, windows, listen(listener, windows), strict=True):
        truth = utterances.text(number)
        for expected in (everything, alternate[index[truth] % 2]):
            near, behind = expected.nearest(listener, window, said)
            own, known = (words.decode(tokens).strip() == truth for tokens in (said, near))
            yield expected is everything, own, known, behind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--listener", type=Path, help="of trenza.align.speech, to take in place of the detector's own")
    args = parser.parse_args()
    config, weights = load_folder(args.model)
    if args.listener:
        weights |= {f"listener.{name}": tensor.half() for name, tensor in load_file(args.listener).items()}
        save_folder(args.model, config, weights)
    detector = load.events(load.whisper(), args.model)
    names, asked = texts()
    heard = list(weighed(detector.listener, whisper_words(), Utterances([args.utterances]), names, asked))
    shares = {}
    for lead in LEADS:
        exact = [(known, near if behind < lead else own) for known, own, near, behind in heard]
        shares[lead] = [float(np.mean([right for k, right in exact if k == known])) for known in (True, False)]
        print(f"lead {lead}: exactly {shares[lead][0]:.3f} of known names, {shares[lead][1]:.3f} of others", flush=True)
    best = max(LEADS, key=lambda lead: sum(shares[lead]))
    made = replace(detector.config, said=names, carriers=asked, lead=best)
    save_folder(args.model, config | asdict(made), weights)


if __name__ == "__main__":
    main()
