"""The audit as one self-contained HTML page, its worst cases in pictures; and as a filtered copy of the data."""

import base64
import io
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

from PIL import Image as Pillow

from trenza.data.files import Broken, whole
from trenza.data.formats import webdataset
from trenza.data.quality.gather import named_samples
from trenza.data.quality.report import CATEGORIES, Finding, Report
from trenza.data.samples import Item, Media
from trenza.data.shards import Sample
from trenza.errors import DataError, SignalError
from trenza.signals import Image, Video, decode

SHOWN = 24  # worst cases of a category
TOGETHER = 4  # files of one case
SIDE = 128  # pixels
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
.cases{display:flex;flex-wrap:wrap;gap:1rem}.case{border:1px solid #ccc;border-radius:6px;padding:.6rem;max-width:34rem}
.files{display:flex;gap:.5rem;flex-wrap:wrap}figure{margin:0;width:8rem;font-size:12px;overflow-wrap:anywhere}
img{max-width:8rem;max-height:8rem;background:#eee}audio{width:8rem}.why{font-size:13px;margin:.3rem 0 0}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}.case{border-color:#444}img{background:#333}}
"""
_MEANING = {
    "duplicates": "the same content more than once",
    "near_duplicates": "nearly the same: coded again, scaled, slightly changed",
    "broken": "can't be read",
    "blank": "nothing in it",
    "text": "empty, a file name, boilerplate, another language",
    "mismatch": "the medium speaks against its text",
    "overlap": "in the other data set as well",
    "private": "personal data or secrets, by their form",
    "poison": "a rare trigger whose samples all name one thing",
}


def write(report: Report, path: Path, page: Path) -> None:
    """The page, whole or not at all. `path` is read once more for the worst cases."""
    worst = {n: sorted(found, key=lambda f: -f.score)[:SHOWN] for n, found in report.findings.items()}
    wanted = {key for found in worst.values() for f in found for key in f.files[:TOGETHER]}
    shown = {name: _figure(name, sample) for name, sample in _samples(path) if name in wanted}
    counts = report.counts()
    rows = "".join(
        f'<tr><td><a href="#{n}">{n.replace("_", " ")}</a><td class=n>{counts[n]:,}'
        f"<td class=n>{counts[n] / max(report.samples, 1):.1%}<td>{_MEANING[n]}"
        f"{' (not looked for: ' + escape(report.skipped[n]) + ')' if n in report.skipped else ''}</tr>"
        for n in counts
    )
    summary = "".join(
        f"<tr><th>{name}<td>{', '.join(f'{escape(k)} {v:,}' for k, v in Counter(of).most_common(12))}"
        for name, of in report.summary.items()
    )
    sections = "".join(
        f'<h2 id="{n}">{n.replace("_", " ")} ({counts[n]:,})</h2><div class=cases>'
        f"{''.join(_case(f, shown) for f in found)}</div>"
        for n, found in worst.items() if found
    )  # fmt: skip
    title = f"Audit of {escape(report.path)}"
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{report.samples:,} samples. Of each kind of fault the worst {SHOWN} are shown.</p>"
        f"<table><tr><th>fault<th>samples<th>share<th>meaning</tr>{rows}</table>"
        f"<h2>What it consists of</h2><table>{summary}</table>{sections}</html>\n"
    )
    with whole(page) as partial:
        partial.write_text(html, encoding="utf-8")


def _samples(path: Path) -> Iterator[tuple[str, Sample]]:
    return ((found[0], found[2]) for found in named_samples(path) if not isinstance(found, Broken))


def _case(finding: Finding, shown: dict[str, str]) -> str:
    files = "".join(
        shown.get(key) or f"<figure><figcaption>{escape(key)}</figcaption></figure>" for key in finding.files[:TOGETHER]
    )
    more = len(finding.files) - TOGETHER
    rest = f" and {more:,} more" if more > 0 else ""
    return f"<div class=case><div class=files>{files}</div><p class=why>{escape(finding.reason)}{rest}</p></div>"


def _figure(name: str, sample: Sample) -> str:
    media = sample.media if isinstance(sample, Item) else (sample.media,)
    text = f"{sample.question} {sample.answer}" if isinstance(sample, Item) else sample.text
    pictures = "".join(map(_picture, media))
    caption = f"{escape(text[:140])}<br><small>{escape(name)}</small>"
    return f"<figure>{pictures}<figcaption>{caption}</figcaption></figure>"


def _picture(media: Media) -> str:
    try:
        signal = decode(media.data, name="a sample")
    except SignalError:
        return "<p>(can't be decoded)</p>"
    if isinstance(signal, Image | Video):
        picture = Pillow.fromarray(signal.pixels if isinstance(signal, Image) else signal.frames[0])
        picture.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=80)
        return f'<img alt="" src="data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
    kept = base64.b64encode(media.data).decode() if len(media.data) < 200_000 else ""
    return f'<audio controls src="data:audio/{media.extension};base64,{kept}"></audio>' if kept else "<p>(sound)</p>"


def write_filtered(report: Report, path: Path, out: Path) -> int:
    """A copy as WebDataset shards of every sample that nothing was found against; how many they are.

    Raises DataError when something else is at `out`.
    """
    check_new(out)
    flagged = report.flagged()
    kept = 0

    def clean() -> Iterator[Sample]:
        nonlocal kept
        for name, sample in _samples(path):
            if name not in flagged:
                kept += 1
                yield replace(sample, key=name)

    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    try:
        webdataset.write(partial, clean())
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return kept


def check_new(out: Path) -> None:
    """Raises DataError when something is there already."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already and not empty; give a new name")


def limit_of(condition: str) -> tuple[str, float, bool]:
    """A condition as "duplicates>10" or "broken>0.5%": category, limit, and whether that is a share.

    Raises DataError for another form.
    """
    name, sign, limit = condition.partition(">")
    try:
        most = float(limit.removesuffix("%"))
    except ValueError:
        sign = ""
    if name not in CATEGORIES or not sign:
        known = ", ".join(CATEGORIES)
        raise DataError(f"--fail-if {condition!r} isn't NAME>NUMBER or NAME>SHARE%; names: {known}")
    return name, most, limit.endswith("%")


def exceeded(report: Report, conditions: list[str]) -> list[str]:
    """The conditions that this report breaks. Raises DataError for a bad one, or one of a check that wasn't made."""
    broken = []
    counts = report.counts()
    for condition in conditions:
        name, most, share = limit_of(condition)
        if name in report.skipped:
            raise DataError(f"--fail-if {condition!r} asks for a check that wasn't made: {report.skipped[name]}")
        if counts[name] > most * (report.samples / 100 if share else 1):
            broken.append(f"{condition} ({counts[name]:,} of {report.samples:,})")
    return broken
