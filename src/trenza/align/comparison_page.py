"""The figures of several systems side by side, as one HTML page without anything beside it."""

import math
from collections.abc import Callable
from html import escape
from typing import Any

from trenza.align.comparing import ADDED, front

Report = dict[str, dict[str, Any]]  # by recipe
WIDTH, HEIGHT, EDGE = 640, 320, 52
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse}td,th{padding:.2rem .9rem .2rem 0;text-align:right;vertical-align:top}
td:first-child,th:first-child{text-align:left}td+td{white-space:nowrap}td{font-variant-numeric:tabular-nums}
svg{max-width:44rem;font:12px system-ui,sans-serif;fill:currentColor}.grid{stroke:#bbb}.front{stroke:#15803d;fill:none}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}}
"""


def share(value: list[float]) -> str:
    return f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})"


def large(value: float) -> str:
    """Three digits with a prefix of 1000s."""
    if not value:
        return "0"
    power = min(int(math.log10(value) // 3), 6)
    return f"{value / 1000**power:.3g}{' kMGTPE'[power].strip()}"


# Rows below those of quality: what is told, where it stands, how it is written.
COSTS: tuple[tuple[str, tuple[str, str], Callable[[Any], str]], ...] = (
    ("trainable parameters", ("training", "trainable parameters"), large),
    ("all parameters, towers included", ("parameters", "total"), large),
    ("training, steps", ("training", "steps"), str),
    ("training, seconds", ("training", "seconds"), lambda v: f"{v:,.0f}"),
    ("training of what it starts from, seconds", ("training", "seconds of what it starts from"), lambda v: f"{v:,.0f}"),
    ("training, FLOPs, without what it starts from", ("training", "FLOPs"), large),
    ("a picture's tokens in the sequence", ("picture", "tokens"), str),
    ("a picture's FLOPs in the towers", ("picture", "tower FLOPs"), large),
    ("prefill FLOPs of a picture and a short question", ("picture", "prefill FLOPs"), large),
    ("bytes kept for a picture while answering", ("picture", "cache bytes"), large),
    ("seconds to the first token, features at hand", ("times", "seconds to the first token"), lambda v: f"{v:.3f}"),
    ("tokens a second", ("times", "tokens a second"), lambda v: f"{v:.1f}"),
    ("peak memory of one answer, GiB", ("memory", "GiB"), lambda v: f"{v:.2f}"),
)


def page(report: Report, told: str) -> str:
    """The page. told: what was compared, on what and how."""
    names = list(report)
    capabilities = list(dict.fromkeys(c for own in report.values() for c, v in own["quality"].items() if _is_share(v)))
    head = "".join(f"<th>{escape(n)}</th>" for n in ("", *names))
    rows = [
        _row(f"right: {c}", [share(own["quality"][c]) if c in own["quality"] else "" for own in report.values()])
        for c in capabilities
    ]
    for title, (part, key), write in COSTS:
        found = [own.get(part, {}).get(key) for own in report.values()]
        if any(value is not None for value in found):
            rows.append(_row(title, ["" if value is None else write(value) for value in found]))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Architectures side by side</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>Architectures side by side</h1><p>{escape(told)}</p><p>{escape(serving(report))}</p>"
        f"{plot(report)}<table><tr>{head}</tr>{''.join(rows)}</table></html>\n"
    )


def _is_share(value: Any) -> bool:
    return isinstance(value, list)


def _row(title: str, cells: list[str]) -> str:
    return f"<tr><td>{escape(title)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def cost(own: dict[str, Any]) -> float:
    """FLOPs until the first token of an answer about one picture, towers included."""
    return own["picture"]["tower FLOPs"] + own["picture"]["prefill FLOPs"]


def points(report: Report) -> dict[str, tuple[float, float]]:
    return {name: (cost(own), own["quality"]["all"][0]) for name, own in report.items()}


def serving(report: Report) -> str:
    """Which is easier to serve and why, in words, from the figures alone."""

    def least(part: str, key: str) -> str:
        return min(report, key=lambda name: report[name][part][key])

    def told(name: str, part: str, key: str) -> str:
        return large(report[name][part][key])

    if len(report) < 2:
        return "One system alone: nothing to compare it with."
    small, heavy = least("picture", "cache bytes"), max(report, key=lambda n: report[n]["picture"]["cache bytes"])
    quick, light = least("times", "seconds to the first token"), min(report, key=lambda n: cost(report[n]))
    speed = {name: own["times"].get("tokens a second", 0.0) for name, own in report.items()}
    fast = max(speed, key=lambda name: speed[name])
    kept = front(points(report))
    look = [name for name, own in report.items() if ADDED in own["quality"] and own["quality"][ADDED][1] > 0]
    seen = "Of none is it shown that it looks: no interval of “more with their own media” lies above 0. "
    if look:
        seen = (
            f"{' and '.join(look)} and no other is shown to look: with their own media more items are right than with "
            "another's, beyond the interval. "
        )
    return (
        f"{small} keeps least for a picture while it answers, {told(small, 'picture', 'cache bytes')} bytes "
        f"({heavy} most, {told(heavy, 'picture', 'cache bytes')}), so that most conversations fit side by side. "
        f"{light} needs fewest FLOPs from picture to first token ({large(cost(report[light]))}), "
        f"{quick} gives its first token soonest ({report[quick]['times']['seconds to the first token']:.3f} s with the "
        f"features at hand), and {fast} goes on fastest ({speed[fast]:.0f} a second). "
        f"{seen}Where quality is weighed against the FLOPs of an answer, no other beats {', '.join(kept)}; "
        "differences in quality smaller than the intervals say nothing."
    )


def plot(report: Report) -> str:
    """Quality against FLOPs of an answer (logarithmic), with intervals; a line joins those that no other beats."""
    found = points(report)
    logs = [math.log10(max(x, 1)) for x, _ in found.values()]
    low, high = min(logs) - 0.1, max(logs) + 0.1

    def x(value: float) -> float:
        return round(EDGE + (math.log10(max(value, 1)) - low) / (high - low) * (WIDTH - 2 * EDGE), 1)

    def y(value: float) -> float:
        return round(HEIGHT - EDGE - value * (HEIGHT - 2 * EDGE), 1)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="quality against FLOPs of an answer">']
    parts.append(f'<text x="{EDGE - 36}" y="{y(1) - 14}">share right</text>')
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class=grid x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y(tick)}" y2="{y(tick)}"/>')
        parts.append(f'<text x="{EDGE - 6}" y="{y(tick) + 4}" text-anchor=end>{tick:g}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor=middle>FLOPs to the first token</text>')
    for name, (cost_, value) in found.items():
        _, down, up, _ = report[name]["quality"]["all"]
        parts.append(f'<line stroke=currentColor x1="{x(cost_)}" x2="{x(cost_)}" y1="{y(down)}" y2="{y(up)}"/>')
        parts.append(f'<circle cx="{x(cost_)}" cy="{y(value)}" r="4"><title>{large(cost_)} FLOPs</title></circle>')
        parts.append(f'<text x="{x(cost_) + 7}" y="{y(value) - 6}">{escape(name)}</text>')
    line = " ".join(f"{x(found[n][0])},{y(found[n][1])}" for n in front(found))
    return "".join(parts) + f'<polyline class=front points="{line}"/></svg>'
