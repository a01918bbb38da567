"""The report as one self-contained HTML page: a card on top for who decides, plots and worst cases for who repairs."""

import math
from html import escape
from pathlib import Path

import numpy as np

from trenza.data.files import whole
from trenza.evaluate import plots
from trenza.evaluate.card import Card
from trenza.evaluate.measures.base import Measure, correct, normal
from trenza.evaluate.measures.leaks import section
from trenza.evaluate.report import Report, notes
from trenza.evaluate.worst import figure, worst

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.card{border:1px solid #bbb;border-radius:10px;padding:1rem 1.4rem;margin:1rem 0}.card h2{margin:.1rem 0}
.card li{list-style:none;margin:.25rem 0}.card ul{padding:0}.big{font-size:1.25rem}
.yes::before{content:"✓ ";color:#15803d;font-weight:bold}.no::before{content:"✗ ";color:#b91c1c;font-weight:bold}
.open::before{content:"– ";color:#888;font-weight:bold}
svg{max-width:44rem;font:12px system-ui,sans-serif;fill:currentColor}svg.small{width:17rem}
.grid{stroke:#bbb;stroke-width:1}.good{stroke:#15803d;fill:#15803d;stroke-width:2}
.bad{stroke:#b91c1c;fill:#b91c1c;stroke-width:2}
polyline{fill:none!important}.cases{display:flex;flex-wrap:wrap;gap:1rem}.case{border:1px solid #ccc;border-radius:6px;
padding:.6rem;max-width:21rem;overflow-wrap:anywhere}.case p{margin:.3rem 0 0;font-size:13px}
.media{display:flex;gap:.5rem;flex-wrap:wrap}.picture{position:relative;display:inline-block}
.picture img{display:block}.boxes{position:absolute;inset:0;width:100%;height:100%}
rect{fill:none;stroke-width:2}.true{stroke:#16a34a}.stated{stroke:#ea580c;stroke-dasharray:4 2}audio{width:11rem}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}.case,.card{border-color:#444}}
"""
# What a manager asks, which measures answer it, and what pass and fail mean.
_QUESTIONS = (
    ("Does it look, or does it guess?", ("prior_gap", "shuffled_gap", "evidence_gain"),
     "its score needs the media", "it isn't shown that its score needs the media"),
    ("Does it see the difference that decides?", ("twin_consistency",),
     "it tells pairs apart that differ in one thing", "it isn't shown to tell pairs apart that differ in one thing"),
    ("Does it point to the right place?", ("grounding_iou", "grounding_pointing", "grounding_time"),
     "the evidence it states is where the answer is", "the evidence it states is mostly elsewhere"),
    ("Does the answer hang on the evidence?", ("faithfulness", "faithfulness_stated"),
     "answers fall when their evidence is hidden", "answers stay when their evidence is hidden"),
    ("Does it invent things?", ("hallucination", "yes_rate", "described_hallucination"),
     "it seldom sees what isn't there", "it sees what isn't there"),
    ("Does it know when it is wrong?", ("calibration_error", "overconfidence"),
     "how sure it is tells how often it is right", "how sure it is doesn't tell how often it is right"),
    ("Is it the same tomorrow?", ("option_order", "paraphrase"),
     "order and wording hardly change its answers", "order or wording change its answers"),
    ("Can the figure itself be trusted?", ("spread_reading", "spread_form", "unread"),
     "another way to ask or to read gives much the same", "another way to ask or to read gives another figure"),
    ("Was the test in its training?", ("contamination", "contamination_p"),
     "nothing speaks for it", "something speaks for it"),
)  # fmt: skip
_PLOTTED = (
    "accuracy", "accuracy/probed", "blind", "prior_gap", "shuffled_gap", "neutral_gap", "twin_consistency",
    "group_accuracy", "grounding_iou", "faithfulness", "hallucination", "yes_rate", "pope_accuracy/adversarial",
    "calibration_error", "option_order", "paraphrase", "spread_reading", "spread_form",
)  # fmt: skip


def write(report: Report, page: Path) -> None:
    """The page, whole or not at all."""
    title = f"Report card of {escape(report.card.model)} on {escape(report.results.task.name)}"
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><h1>{title}</h1>'
        f"{_summary(report)}{_against(report)}"
        f"<h2>Measures</h2>{plots.forest(report.card, _PLOTTED)}{_confidence(report)}{_table(report.card)}"
        f"{section(report.leaks)}{_cases(report)}{_small_print(report)}</html>\n"
    )
    with whole(page) as partial:
        partial.write_text(html, encoding="utf-8")


def _summary(report: Report) -> str:
    card = report.card
    accuracy, probed, blind, gap = (
        card.measures[n].estimate for n in ("accuracy", "accuracy/probed", "blind", "prior_gap")
    )
    looked = ""
    if probed.n and gap.n:
        how = "by likelihood " * report.results.scores
        looked = (
            f" Of the {probed.n:,} looked at closely, {how}{probed.value:.0%} are right, and {blind.value:.0%} without "
            f"any medium: looking adds {100 * gap.value:.0f} points ({100 * gap.low:.0f} to {100 * gap.high:.0f})."
        )
    rows = "".join(f"<li class={kind}><b>{q}</b> {a}" for q, kind, a in answers(card))
    return (
        f"<div class=card><p class=big>{accuracy.value:.0%} of {accuracy.n:,} answers are right "
        f"(95% interval {accuracy.low:.0%} to {accuracy.high:.0%}).{looked}</p><ul>{rows}</ul></div>"
    )


def answers(card: Card) -> list[tuple[str, str, str]]:
    """Each question with "yes", "no" or "open", and a sentence with the measures that say so."""
    failing = {name for name, _ in card.flags}
    made = []
    for question, names, good, bad in _QUESTIONS:
        known = [n for n in names if n in card.measures and not math.isnan(card.measures[n].value)]
        if not known:
            made.append((question, "open", "not measured"))
            continue
        failed = [n for n in known if n in failing]
        unsure = [n for n in known if n not in failing and _unsure(card.measures[n])]
        if unsure and not failed:
            made.append((question, "open", f"too few items to tell ({', '.join(n.replace('_', ' ') for n in unsure)})"))
            continue
        told = ", ".join(f"{n.replace('_', ' ')} {card.measures[n].value:.2f}" for n in failed or known)
        made.append((question, "no" if failed else "yes", f"{bad if failed else good} ({told})"))
    return made


def _unsure(m: Measure) -> bool:
    """Passed, but its interval reaches to where it would fail, or holds what a model without the skill has."""
    e = m.estimate
    if m.nothing is not None and not e.low > m.nothing:
        return True
    most = m.most or math.inf  # nothing at all is no bound that an interval could keep
    return e.high > most or (m.least is not None and e.low < m.least)


def _table(card: Card) -> str:
    failing = dict(card.flags)
    rows = []
    for name, m in card.measures.items():
        e, why = m.estimate, failing.get(name, "")
        figures = (
            f"<td class=n>{e.value:.3f}<td class=n>{e.low:.3f} to {e.high:.3f}<td class=n>{e.n:,} / {e.clusters:,}"
            if not math.isnan(e.value)
            else "<td class=n>–<td><td>"
        )
        extra = "; ".join(x for x in (m.note, e.warning) if x)
        mark = f"<br><span class=no>{escape(why)}</span>" if why else ""
        rows.append(f"<tr><td>{escape(name)}{figures}<td>{escape(m.meaning)}"
                    f"{'<br><small>' + escape(extra) + '</small>' if extra else ''}{mark}</tr>")  # fmt: skip
    return (
        "<table><tr><th>measure<th>value<th>95% interval<th>items / clusters<th>meaning</tr>"
        + "".join(rows)
        + "</table>"
    )


def _confidence(report: Report) -> str:
    right = correct(report.results, "full")
    sure = {
        i: float(np.exp(normal(o.log_p).max())) for i, o in report.results.of("full").items() if len(o.log_p) > 1
    }  # fmt: skip
    hits = np.array([right[i] for i in sure])
    confidence = np.array(list(sure.values()))
    return f"<div class=cases>{plots.reliability(confidence, hits)}{plots.risk_coverage(confidence, hits)}</div>"


def _against(report: Report) -> str:
    if report.against is None:
        return ""
    rows = "".join(
        f"<tr><td>{escape(d.name)}<td class=n>{d.estimate.value:+.3f}<td class=n>{d.estimate.low:+.3f} to "
        f"{d.estimate.high:+.3f}<td class=n>{d.p_holm:.3f}<td class=n>{d.estimate.detectable:.3f}"
        f"<td>{escape(d.verdict)}</tr>"
        for d in report.differences
    )
    spread = report.differences[0].spread if report.differences else 0.0
    return (
        f"<h2>Against {escape(report.against.model)}</h2><p>The instrument alone moves scores by up to {spread:.3f}; a "
        "difference within that is undecided.</p><table><tr><th>measure<th>difference<th>95% interval"
        f"<th>p (Holm)<th>could be seen from<th>verdict</tr>{rows}</table>"
    )


def _cases(report: Report) -> str:
    return "".join(
        f"<h2>Worst cases: {kind}</h2><div class=cases>{''.join(figure(report.results, s) for s in rows)}</div>"
        for kind, rows in worst(report.results).items()
    )


def _small_print(report: Report) -> str:
    results = report.results
    problems = [*results.task.problems, *results.problems]
    told = "".join(f"<li>{escape(note)}" for note in notes(report))
    rows = "".join(f"<tr><td>{escape(p.key)}<td>{escape(p.reason)}</tr>" for p in problems[:50])
    table = f"<h3>Faulty items ({len(problems):,})</h3><table>{rows}</table>" if problems else ""
    return (
        f"<h2>How it was measured</h2><p>{len(results.plan.plain):,} items asked, {len(results.plan.probed):,} of them "
        f"probed; {results.asked:,} questions asked and {results.kept:,} known already; seed {report.seed}. "
        f"Intervals are over clusters of items that share a medium.</p><ul>{told}</ul>{table}"
    )
