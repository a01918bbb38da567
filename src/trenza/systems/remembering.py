"""The reference pictures of support are always the same: what is sensed of them is kept on disk.

Sensing them takes seconds, which every `trenza ask` would pay again.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trenza.data.files import whole
from trenza.signals import Image, Signal
from trenza.systems.examples import Medium
from trenza.systems.references import pictures
from trenza.systems.system_responder import Sense


class Remembering:
    """A `Sense` that looks at reference pictures once. file: where they are kept; its name tells these towers apart."""

    def __init__(self, sense: Sense, file: Path):
        self.sense, self.file = sense, file
        self._numbers = {picture.content_hash: number for number, picture in enumerate(pictures())}
        self._kept: list[tuple[Medium, ...]] = []
        self.beside = getattr(sense, "beside", None)  # sounds are heard by who sees what, see `perceiving.Things`

    def __call__(self, signals: Sequence[Signal]) -> list[tuple[Medium, ...]]:
        known = [self._numbers.get(s.content_hash) if isinstance(s, Image) else None for s in signals]
        others = [signal for signal, number in zip(signals, known, strict=True) if number is None]
        sensed = iter(self.sense(others) if others else [])
        return [next(sensed) if number is None else self._reference(number) for number in known]

    def _reference(self, number: int) -> tuple[Medium, ...]:
        if not self._kept:
            self._kept = self._read() or self._made()
        return self._kept[number]

    def _read(self) -> list[tuple[Medium, ...]]:
        """Empty where nothing is kept that can be read: it is made again then."""
        try:
            tensors = load_file(self.file)
        except (OSError, SafetensorError):
            return []
        found: list[list[Medium]] = [[] for _ in self._numbers]
        for name in sorted(tensors):
            number, place, kind = name.split("-")
            found[int(number)].append(Medium(kind, tensors[name], within=int(place) > 0))  # all are pictures
        return [tuple(media) for media in found]

    def _made(self) -> list[tuple[Medium, ...]]:
        made = self.sense(pictures())
        tensors = {
            f"{number}-{place}-{m.kind}": m.features.contiguous()
            for number, media in enumerate(made) for place, m in enumerate(media)
        }  # fmt: skip
        # A full or read-only disk costs time, nothing else.
        with suppress(OSError, SafetensorError), whole(self.file) as partial:
            save_file(tensors, partial)
        return made
