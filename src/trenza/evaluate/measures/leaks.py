"""Was the test in the training? The findings of `contamination`, as measures of the card and as a part of its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from trenza.evaluate.clustered import Estimate
from trenza.evaluate.contamination import Finding, Hit
from trenza.evaluate.contamination.behaviour import SURE
from trenza.evaluate.measures.base import Measure
from trenza.evaluate.statistics import wilson

PAGE_HITS = 24


@dataclass(frozen=True)
class Leaks:
    """findings: of the behavioural tests; hits: between the training data at hand and `items` of the test."""

    findings: tuple[Finding, ...] = ()
    hits: tuple[Hit, ...] = ()
    items: int = 0

    @property
    def looked(self) -> bool:
        """Was any of it looked for?"""
        return bool(self.findings or self.items)


NOT_LOOKED_FOR = Leaks()


def measures(leaks: Leaks) -> tuple[Measure, ...]:
    """The smallest p of the behavioural tests, corrected for their number; the share of items found in the training."""
    made = []
    told = [f for f in leaks.findings if f.adjusted is not None]
    if told:
        worst = min(told, key=lambda f: f.adjusted or 0.0)
        p = float(worst.adjusted or 0.0)
        made.append(
            Measure(
                "contamination_p", Estimate(p, p, p, sum(f.n for f in told), 0),
                "smallest p-value, of several corrected, that the model never saw the test", least=SURE,
                note=f"{worst.name}: {worst.what}. Evidence, not a verdict",
            )
        )  # fmt: skip
    if leaks.items:
        found = len({hit.test for hit in leaks.hits})
        share, low, high = wilson(found, leaks.items)
        made.append(
            Measure(
                "contamination", Estimate(share, low, high, leaks.items, leaks.items),
                "items that the training data holds, exactly or nearly", most=0.0,
            )
        )  # fmt: skip
    return tuple(made)


def section(leaks: Leaks) -> str:
    """HTML: the tests of behaviour, and the worst hits side by side."""
    if not leaks.looked:
        return ""
    rows = "".join(_row(finding) for finding in leaks.findings)
    table = (
        "<table><tr><th>test<th>published<th>fresh<th>n<th>p (Holm)<th>what</tr>" + rows + "</table>" if rows else ""
    )
    hits = "".join(_hit(hit) for hit in leaks.hits[:PAGE_HITS])
    count = f"<p>{len(leaks.hits):,} hits in {leaks.items:,} items.</p>" if leaks.items else ""
    return f"<h2>Was the test in its training?</h2>{table}{count}<div class=cases>{hits}</div>"


def _row(f: Finding) -> str:
    value, fresh, p = ("–" if v is None else f"{v:.3f}" for v in (f.value, f.fresh, f.adjusted))
    why = f" ({escape(f.skipped)})" if f.skipped else ""
    mark = " class=no" if f.flagged else ""
    return (
        f"<tr><td><span{mark}>{escape(f.name)}</span><td class=n>{value}<td class=n>{fresh}<td class=n>{f.n}"
        f"<td class=n>{p}<td>{escape(f.what)}{why}</tr>"
    )


def _hit(hit: Hit) -> str:
    sides = ""
    for name, side in (("training", hit.shown_train), ("test", hit.shown_test)):
        pictures = "".join(f'<img alt="" src="{url}">' for url in side.media if url)
        sides += f"<div>{pictures}<p>{name}: {escape(side.text[:160])}</div>"
    told = f"{escape(hit.kind)}, {hit.score:.2f}: {escape(hit.reason)}"
    return f"<div class=case><div class=media>{sides}</div><p>{told}</div>"


def to_json(leaks: Leaks) -> dict:
    """Findings, and hits without their pictures."""
    hits: Sequence[dict] = [
        {"kind": h.kind, "train": h.train, "test": h.test, "score": h.score, "reason": h.reason} for h in leaks.hits
    ]
    return {"behaviour": [f.to_json() for f in leaks.findings], "hits": list(hits)}
