"""How the text of an answer is read. Three ways, because the way alone moves scores by tens of points.

exact: the text is the answer, to the letter. normalised: what the text says, once sentences, markdown, articles,
number words and letters of options are taken off, in English and Spanish. likelihood: the choice of highest log p.
"""

import json
import math
import re
import string
import unicodedata
from collections.abc import Sequence
from typing import Any

from trenza.conversation import Box, Span

NUMBERS = {
    word: str(n)
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
    )
    for n, word in enumerate(words.split())
}  # fmt: skip
BESIDE = 0.1  # of a side, or seconds, that a point or a time may be off
_YES_NO = {"yes": "yes", "yeah": "yes", "yep": "yes", "true": "yes", "sí": "sí", "si": "sí", "no": "no", "nope": "no"}
_MARKDOWN = re.compile(r"```\w*\n?|[*_`#>~]|\\(?:boxed|text)\{|[{}](?=\s*$)|^\s*(?:[-•]|\d+[.)])\s+", re.M)
_ARTICLE = re.compile(r"^(?:an?|the|some|un|una|unos|unas|el|la|los|las)\s+")
# What stands before the answer in a sentence that gives it.
_LEAD = re.compile(
    r"^(?:sure|of course|certainly|well|claro|por supuesto|bueno)[,.!:]?\s+|"
    r"^.{0,60}?\b(?:(?:the )?(?:correct |right |final |best )?(?:answer|option|choice)(?: here)?(?: is|:)|"
    r"(?:la )?(?:respuesta|opción)(?: correcta| final)?(?: es|:)|"
    r"(?:this|that|it|there|what i (?:see|hear)|what (?:is|you) (?:shown|see|hear))"
    r"(?: (?:is|looks like|seems to be)|'s)|"
    r"(?:i (?:think|believe|see|hear|would say)|creo que(?: es)?|veo|oigo|diría que(?: es)?|se trata de|"
    r"(?:esto|eso|lo que (?:se ve|se oye|veo|oigo)) es|(?:the picture|the image|la imagen|la foto) (?:shows|muestra)))"
    r"\s*[:,]?\s+(?:that it is |that )?",
)
_HEDGE = re.compile(r"\b(?:or|not|nor|either|o|ni|tampoco|sino)\b")
REFUSAL = re.compile(
    r"\b(?:i (?:can(?:no|')t|am (?:unable|not able)|do(?:n't| not) (?:see|hear|know|have))|unable to|"
    r"no puedo|no (?:veo|oigo|sé)|no (?:image|picture|audio|hay imagen)|cannot (?:see|determine|tell))\b"
)


def plain(text: str) -> str:
    """Lower case, no markdown, no quotes, no closing punctuation, single spaces."""
    text = unicodedata.normalize("NFC", _MARKDOWN.sub("", text)).lower().replace("’", "'")
    return re.sub(r"\s+", " ", text).strip(" .!?¡¿:;,\"'«»“”()")


def bare(text: str) -> str:
    """`plain` less its article; number words as digits."""
    words = _ARTICLE.sub("", plain(text))
    return NUMBERS.get(words, words)


def exact(text: str, answer: str) -> bool:
    return text.strip() == answer


def normalised(text: str, choices: Sequence[str], lettered: bool = False) -> str | None:
    """The choice that the text gives; None where it gives none, or several. Without choices: the bare text."""
    if not choices:
        return bare(_led(plain(text)))
    if (value := _value(text)) is not None:
        return _closest(value, choices)
    said, bare_choices = plain(text), [bare(c) for c in choices]
    whole = len(said) > 1 and bare(said) in bare_choices  # "A dog" is the dog, not option A
    if lettered and not whole and (letter := _letter(text, len(choices))) is not None:
        return choices[letter]
    for reading in (said, _led(said), _led(said).split(". ")[0], said.rsplit(". ", 1)[-1]):
        if (found := bare(reading)) in bare_choices:
            return choices[bare_choices.index(found)]
    first = _YES_NO.get(re.split(r"[\s,.;:!]", said, maxsplit=1)[0]) if said else None
    if first is not None and first in bare_choices:
        return choices[bare_choices.index(first)]
    return _mentioned(_led(said), choices, bare_choices) or _mentioned(said, choices, bare_choices)


def _led(said: str) -> str:
    """The text behind "the answer is" and the like."""
    for _ in range(3):
        shorter = _LEAD.sub("", said, count=1)
        if shorter == said or not shorter:
            break
        said = shorter.strip(" .\"'«»“”()")
    return said


def _letter(text: str, count: int) -> int | None:
    letters = string.ascii_uppercase[:count]
    shorn = _MARKDOWN.sub("", text).strip()
    if found := re.match(rf"^\(?([{letters}{letters.lower()}])\)?(?:[.):,\s]|$)", shorn):
        lone = len(shorn) <= 3 or shorn[len(found[1]) :][:1] in ".):"
        if found[1].isupper() or lone:
            return letters.index(found[1].upper())
    found_all = set(re.findall(rf"(?<![\w'])\(?([{letters}])\)?(?![\w'])", shorn))
    found_all -= {"A"} if len(found_all) > 1 else set()  # the article
    return letters.index(found_all.pop()) if len(found_all) == 1 else None


def _mentioned(said: str, choices: Sequence[str], bare_choices: Sequence[str]) -> str | None:
    """The only choice that the text names; a choice inside a longer one that is named doesn't count."""
    rest, named = said, []
    for name in sorted(bare_choices, key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
        if name and re.search(pattern, rest):
            named.append(name)
            rest = re.sub(pattern, " ", rest)
    for word, digit in NUMBERS.items():
        if digit in bare_choices and digit not in named and re.search(rf"(?<!\w){word}(?!\w)", rest):
            if word in ("one", "uno") and named:
                continue
            named.append(digit)
    return choices[bare_choices.index(named[0])] if len(named) == 1 and not _HEDGE.search(rest) else None


def _value(text: str) -> Any:
    """A list or an object of JSON in the text; None where there is none."""
    if found := re.search(r"[\[{].*[\]}]", _MARKDOWN.sub("", text) if "{" not in text else text, re.S):
        try:
            return json.loads(found[0])
        except ValueError:
            return None
    return None


def _closest(value: Any, choices: Sequence[str]) -> str | None:
    """The choice that is the same value; of places and times the nearest of those that lie close enough."""
    best, distance = None, math.inf
    for choice in choices:
        try:
            apart = _apart(value, json.loads(choice))
        except ValueError:
            continue
        if apart < distance:
            best, distance = choice, apart
    return best


def _apart(one: Any, other: Any) -> float:
    """0 for the same values of JSON; how far places and times, or the points of two calls, are apart if they are near;
    else infinity."""
    if one == other:
        return 0.0
    if _numeric(one, other):
        return sum(abs(a - b) for a, b in zip(one, other, strict=True)) if near(one, other) else math.inf
    points = [_pointed(value) for value in (one, other)]
    if points[0] is None or points[1] is None or points[0][0] != points[1][0]:
        return math.inf
    off = [abs(a - b) for a, b in zip(points[0][1], points[1][1], strict=True)]
    return sum(off) if max(off) <= BESIDE else math.inf


def _pointed(call: Any) -> tuple[dict[str, Any], tuple[float, float]] | None:
    """A tool call without the point x, y among its arguments, and that point; None for what isn't one."""
    arguments = call.get("arguments") if isinstance(call, dict) else None
    if not isinstance(arguments, dict):
        return None
    match arguments:
        case {"x": int() | float() as x, "y": int() | float() as y, **others}:
            return call | {"arguments": others}, (x, y)
    return None


def _numeric(*values: Any) -> bool:
    return (
        all(isinstance(v, list) and len(v) in (2, 4) and all(isinstance(n, int | float) for n in v) for v in values)
        and len({len(v) for v in values}) == 1
    )


def near(one: Sequence[float], other: Sequence[float]) -> bool:
    """Boxes that share half their union; times and points: half their union, or a tenth apart at most."""
    if len(one) == 4:
        return iou_numbers(one, other) >= 0.5
    joint = min(one[1], other[1]) - max(one[0], other[0])
    whole = max(one[1], other[1]) - min(one[0], other[0])
    as_span = one[0] < one[1] and other[0] < other[1] and whole > 0 and joint / whole >= 0.5
    return as_span or max(abs(a - b) for a, b in zip(one, other, strict=True)) <= BESIDE


def iou_numbers(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    joint = max(width, 0) * max(height, 0)
    areas = [max(b[2] - b[0], 0) * max(b[3] - b[1], 0) for b in (one, other)]
    return joint / union if (union := sum(areas) - joint) > 0 else 0.0


def overlap(one: Box | Span, other: Box | Span) -> float:
    """Intersection over union of two regions of one kind."""
    if isinstance(one, Box) and isinstance(other, Box):
        return iou_numbers((one.x0, one.y0, one.x1, one.y1), (other.x0, other.y0, other.x1, other.y1))
    if isinstance(one, Span) and isinstance(other, Span):
        joint = min(one.end, other.end) - max(one.start, other.start)
        return max(joint, 0.0) / (max(one.end, other.end) - min(one.start, other.start))
    return 0.0


def right(text: str, answer: str, choices: Sequence[str], lettered: bool = False) -> bool:
    """Does the text, read normalised, give the answer? An open answer may stand in one short sentence."""
    read = normalised(text, choices, lettered)
    if choices:
        return read == answer
    wanted = bare(answer)
    if read == wanted:
        return True
    value = _value(text)
    if _pointed(value) and _closest(value, [answer]):
        return True
    said = plain(text)
    short = len(said.split()) <= 12 + len(wanted.split()) and not _HEDGE.search(said.replace(wanted, ""))
    return bool(wanted) and short and bool(re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", said))


def refused(text: str) -> bool:
    """Does the text say that it can't tell?"""
    return not text.strip() or bool(REFUSAL.search(plain(text)))
