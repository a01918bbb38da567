"""Does the default model name things it never trained on? And does support tell right from wrong?

    python benchmarks/naming.py [--model DIR] [--seed 0] [--share 1] [--json docs/naming.json]

Sets: openmoji (a hand never trained on), test stamps, photographs (against the untouched tower's five best
ImageNet names), words spoken by unseen espeak-ng voices, and by people. Each also asked blind (no media).
"""

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from trenza.align.concepts import on_white, photograph_crops, rendered, training_pictures
from trenza.align.tower import pooled
from trenza.checkpoints.parts import efficientnet_lite2
from trenza.conversation import Answer, Conversation
from trenza.data.corpora import pictures, speech
from trenza.data.names import noun
from trenza.evaluate.statistics import paired_auc_interval, wilson
from trenza.signals import Audio, Image, decode
from trenza.systems import load, words

SEEN_FORM = "What is this?"
PICTURE_FORMS = (SEEN_FORM, "Name the thing in the picture.", "Please tell me the name of what you see here.")
SOUND_FORMS = ("What word is spoken?", "Which word was said in this recording?")
SPOKEN = 40  # names said by each unseen voice
OTHER_FORMS = 40  # items asked in them
THINGS = 300  # of the openmoji things, drawn with the seed
SUPPORT_ITEMS = 200
AT_ONCE = 8


def answers(model, asked: Sequence[Conversation]) -> list[Answer]:
    """Greedy ones, AT_ONCE side by side."""
    return [a for start in range(0, len(asked), AT_ONCE) for a in model.respond_many(asked[start : start + AT_ONCE])]


def naming(responder, items: list, forms: tuple[str, ...], others: int) -> dict:
    """items: (signal, set of accepted names). Share right when asked in the first form, [share, low, high].

    The other forms, which training never used, are asked about the first `others` items only; blind is
    the first form without the medium.
    """
    result: dict = {"n": len(items), "right": {}}
    order = np.random.default_rng(0).permutation(len(items))
    for form in forms:
        asked = [items[i] for i in order] if form == forms[0] else [items[i] for i in order[:others]]
        said = answers(responder, [Conversation.ask(form, signal) for signal, _ in asked])
        right = sum(noun(a.text) in accepted for a, (_, accepted) in zip(said, asked, strict=True))
        result["right"][form] = [*wilson(right, len(asked)), len(asked)]
    guess = noun(responder.respond(Conversation.ask(forms[0])).text)
    result["blind"] = wilson(sum(guess in accepted for _, accepted in items), len(items))
    return result


def image(planar: np.ndarray) -> Image:
    return Image(np.ascontiguousarray(planar.transpose(1, 2, 0)))


def known_pictures(candidates: list, known: set[str]) -> list:
    kept, rgba = rendered([p for p in candidates if p.name in known])
    return [(image(pixels), {p.name}) for p, pixels in zip(kept, on_white(rgba), strict=True)]


def photographs(seed: int) -> list[tuple[str, list]]:
    """Crops of unseen photographs and unseen cut-outs, with the untouched tower's five best names."""
    teacher = efficientnet_lite2().eval()
    names = pictures.imagenet_names()
    _, cutouts = rendered([p for p in pictures.stamps() if p.test and p.cut_out])
    sets = []
    for title, rgb in (
        ("photograph crops", photograph_crops(True, 20, seed)),
        ("photograph cut-outs", on_white(cutouts)),
    ):
        with torch.no_grad():
            best = teacher.classifier(pooled(teacher, torch.from_numpy(rgb), 260)).topk(5).indices
        accepted = [{name for c in five for name in names[c]} for five in best.tolist()]
        sets.append((title, [(image(p), a) for p, a in zip(rgb, accepted, strict=True)]))
    return sets


def spoken(known: set[str], seed: int, count: int) -> list[tuple[str, list]]:
    rng = np.random.default_rng(seed)
    chosen = rng.choice(sorted(n for n in known if len(n) <= 24), count, replace=False)
    sets = [
        (f"spoken, {voice}", [(Audio(speech.speak(name, voice)), {name}) for name in chosen])
        for voice in speech.UNSEEN_VOICES
    ]
    real = [v for v in speech.real_voices() if v.name in known]
    return [*sets, ("spoken, real voices", [(decode(v.file), {v.name}) for v in real])]


def support(responder, items: list, seed: int, count: int) -> dict:
    """Support of the right name against that of another's, on the same pictures."""
    rng = np.random.default_rng(seed)
    chosen = [items[i] for i in rng.choice(len(items), count, replace=False)]
    names = [next(iter(accepted)) for _, accepted in items]
    right, other = [], []
    for signal, accepted in chosen:
        name = next(iter(accepted))
        wrong = rng.choice([n for n in names if n != name])
        asked = Conversation.ask(SEEN_FORM, signal)
        for text, into in ((name, right), (str(wrong), other)):
            into.append(responder.support_for(asked, text).total)
    value, low, high = paired_auc_interval(right, other, seed)
    return {
        "n": len(chosen), "median right": float(np.median(right)), "median other": float(np.median(other)),
        "auc": (value, low, high),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the items that are drawn")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    begun = time.time()
    responder = words.itself(load.responder(args.model))
    known = {p.name for p in training_pictures()}
    drawn, names, others, weighed = (round(args.share * n) for n in (THINGS, SPOKEN, OTHER_FORMS, SUPPORT_ITEMS))
    things = [p for p in pictures.emoji(pictures.UNSEEN_STYLE) if p.group in pictures.THINGS]
    things = [p for p in things if not pictures.is_clock(p.name) and p.name in known]
    chosen = np.random.default_rng(args.seed).choice(len(things), drawn, replace=False)
    things = known_pictures([things[i] for i in sorted(chosen)], known)
    stamps = known_pictures([p for p in pictures.stamps() if p.test], known)
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
    report = {"seed": args.seed, "share": args.share, "machine": machine}
    sets = [("openmoji things", things), ("test stamps", stamps), *photographs(args.seed)]
    for title, items in sets:
        report[title] = naming(responder, items, PICTURE_FORMS, others)
        print(title, report[title], flush=True)
    for title, items in spoken(known, args.seed, names):
        report[title] = naming(responder, items, SOUND_FORMS, others)
        print(title, report[title], flush=True)
    report["support"] = support(responder, things, args.seed, weighed)
    report["seconds"] = round(time.time() - begun)
    print("support", report["support"], f"{report['seconds']} s", flush=True)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
