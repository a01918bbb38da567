"""The threshold of support: chosen on twins of a split of its own, written into the model's config.

    python -m trenza.align.calibrate MODEL [--items 400] [--seed 7] [--split test_seed]

An answer is supported when it is given of its own media, and unsupported when it is given of the twin's, in which the
smallest edit has made it wrong. The threshold is where the share of unsupported answers that are marked and that of
supported ones that aren't are nearest to each other.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trenza.checkpoints.folder import read_config
from trenza.conversation import Conversation
from trenza.data.files import whole
from trenza.data.samples import Item
from trenza.data.worlds.build import items
from trenza.errors import DataError, UsageError
from trenza.evaluate.statistics import wilson
from trenza.signals import decode
from trenza.systems import load
from trenza.systems.answering import StreamingResponder


@dataclass(frozen=True)
class Threshold:
    """nats: an answer with less is marked. The shares come with their 95% intervals (Wilson)."""

    nats: float
    unsupported_marked: tuple[float, float, float]
    supported_marked: tuple[float, float, float]


def choose(supported: Sequence[float], unsupported: Sequence[float]) -> float:
    """The threshold, between two neighbouring values of support; of several that do as well, the one in their middle.

    Raises DataError without values of both kinds.
    """
    if not len(supported) or not len(unsupported):
        raise DataError("no support was measured; calibrate on items with media and twins")
    values = np.unique(np.concatenate([supported, unsupported]))
    cuts = np.concatenate([values[:1] - 1, (values[1:] + values[:-1]) / 2, values[-1:] + 1])
    marked = (np.asarray(unsupported)[None] < cuts[:, None]).mean(1)
    kept = (np.asarray(supported)[None] >= cuts[:, None]).mean(1)
    least = np.minimum(marked, kept)
    best = np.flatnonzero(least == least.max())
    return float(cuts[best[len(best) // 2]])


def measure(nats: float, supported: Sequence[float], unsupported: Sequence[float]) -> Threshold:
    """How a threshold does; on other items than it was chosen on, for a figure that holds."""
    marked = [wilson(sum(value < nats for value in values), len(values)) for values in (unsupported, supported)]
    return Threshold(nats, marked[0], marked[1])


def supports(responder: StreamingResponder, asked: Iterable[Item]) -> tuple[list[float], list[float]]:
    """Support in nats of each item's answer by its own media, and by its twin's."""
    pairs: dict[str, Item] = {}
    supported: list[float] = []
    unsupported: list[float] = []
    for item in asked:
        twin = pairs.pop(item.twin, None)
        if twin is None:
            pairs[item.key] = item
            continue
        for one, other in ((item, twin), (twin, item)):
            for media, into in ((one.media, supported), (other.media, unsupported)):
                signals = [decode(m.data, name=one.key, kind=m.kind) for m in media]
                found = responder.support_for(Conversation.ask(one.question, *signals), one.answer)
                if found is not None:
                    into.append(found.total)
    return supported, unsupported


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a folder that trenza train wrote")
    parser.add_argument("--items", type=int, default=400, help="half to choose on, half to measure on")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--split", default="test_seed")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not (args.model / "config.json").is_file():
        raise SystemExit(f"{args.model} is no folder of ours; give one that trenza train wrote")
    responder = load.responder(str(args.model))
    chosen_on, measured_on = (
        supports(responder, items(args.items // 2, seed, args.split)) for seed in (args.seed, args.seed + 1)
    )  # fmt: skip
    nats = choose(*chosen_on)
    found = measure(nats, *measured_on)
    write(args.model, nats)
    told = {
        "threshold in nats": nats, "unsupported marked": found.unsupported_marked, "target": 0.9,
        "supported marked": found.supported_marked, "at most": 0.1, "seeds": [args.seed, args.seed + 1],
        "split": args.split, "answers": [len(values) for values in measured_on],
    }  # fmt: skip
    print(json.dumps(told, indent=1))
    if args.json:
        args.json.write_text(json.dumps(told, indent=1) + "\n")


def write(folder: Path, nats: float) -> None:
    """Put the threshold into the folder's config.json, whole or not at all."""
    if not np.isfinite(nats):
        raise UsageError(f"a threshold of {nats} can't be written")
    config = read_config(folder) | {load.THRESHOLD: nats}
    with whole(folder / "config.json") as partial:
        partial.write_text(json.dumps(config, indent=1) + "\n")


if __name__ == "__main__":
    main()
