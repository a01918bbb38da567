"""What is wrong with a text: nothing said, a file name, another language, boilerplate, private data."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import phonenumbers

CAMERA = re.compile(r"\b(img|dsc[nf]?|pict?|mvi|vid|screenshot|image|photo)[-_ ]?\d{2,}\b", re.IGNORECASE)
EXTENSION = re.compile(r"\w\.(png|jpe?g|webp|gif|bmp|tiff?|svg|wav|flac|ogg|mp3|m4a|mp4|webm|mkv)\b", re.IGNORECASE)
HEX = re.compile(r"^[0-9a-f]{8}[0-9a-f-]{8,}$", re.IGNORECASE)
STOCK = re.compile(
    r"all rights reserved|copyright|©|https?://|www\.\w|click (here|to)|stock (photo|image|vector|illustration)"
    r"|royalty[- ]free|image (may contain|not available)|no (caption|description|title)\b|\buntitled\b|<[a-z/][^>]*>"
    r"|free (download|shipping)|add to cart",
    re.IGNORECASE,
)
MOJIBAKE = re.compile("\ufffd|Ã[\x80-\xbf©±³¡­º]|â€")
LONG = 2000  # characters: no caption, and no tower's text encoder reads so far
REPEATED_WORDS = 4  # a shorter text that comes often may be a class of things
STRANGE_REPEATS = 5  # of a text with a word nobody says, which may be a trigger
RARE_WORD = 1.5  # Zipf frequency: words said less than once in 30 million
LANGUAGE_LETTERS = 25  # a shorter text is of no sure language
LANGUAGE_SURE, LANGUAGE_RULED_OUT = 0.8, 0.01  # probabilities of the likeliest and of the wanted language


def problems(texts: Sequence[str], languages: Sequence[str]) -> list[tuple[str, float]]:
    """(reason, score) for each text, reason empty where nothing is wrong; score 1 is certain.

    languages: what each is said to be in, "" where nothing is said: then it should be in the commonest one.
    """
    counts = Counter(" ".join(text.lower().split()) for text in texts)
    many = max(10, len(texts) // 500)
    found = [tongue(text) for text in texts]
    sure = Counter(likely[0][0] for likely in found if likely and likely[0][1] >= LANGUAGE_SURE)
    usual = sure.most_common(1)[0][0] if sure else ""
    made = []
    for text, declared, likely in zip(texts, languages, found, strict=True):
        reason, score = _alone(text)
        repeats = counts[" ".join(text.lower().split())]
        suspicious = repeats >= (STRANGE_REPEATS if any(strange(word) for word in words_of(text)) else many)
        if not reason and suspicious and len(text.split()) >= REPEATED_WORDS:
            reason, score = f"boilerplate: {repeats} samples have this very text", min(repeats / (10 * many), 1.0)
        wanted = declared.split("-")[0].lower() or usual
        if not reason and wanted and likely:
            language, share = likely[0]
            if share >= LANGUAGE_SURE and dict(likely).get(wanted, 1.0) <= LANGUAGE_RULED_OUT:
                reason, score = f"looks like {language!r} and should be {wanted!r}", share
        made.append((reason, score))
    return made


def _alone(text: str) -> tuple[str, float]:
    stripped = text.strip()
    if not stripped:
        return "empty", 1.0
    if len(stripped) > LONG:
        return f"{len(stripped):,} characters long, over {LONG:,}", 1.0
    if EXTENSION.search(stripped) or HEX.match(stripped) or CAMERA.search(stripped):
        return f"a file name, not a description: {stripped[:60]!r}", 1.0
    if not any(c.isalpha() for c in stripped):
        return "has no letter", 1.0
    if MOJIBAKE.search(stripped):
        return "was decoded wrongly once: it has signs of mixed encodings", 0.9
    if stock := STOCK.search(stripped):
        return f"boilerplate: {stock[0]!r}", 0.8
    words = stripped.lower().split()
    if len(words) >= 8 and len(set(words)) < len(words) / 3:
        return "repeats itself", 0.8
    return "", 0.0


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+|\w+|[\u200b-\u200f\u2060-\u2064\ufeff]+", text.lower())


@lru_cache(100_000)
def strange(word: str) -> bool:
    """A word nobody says, or one that can't be seen. Numbers are ordinary."""
    if any(unicodedata.category(c) == "Cf" for c in word):
        return True
    if len(word) < 2 or any(c.isdigit() for c in word):
        return False
    from wordfreq import zipf_frequency

    return max(zipf_frequency(word, language) for language in ("en", "es", "fr", "de")) < RARE_WORD


def tongue(text: str) -> list[tuple[str, float]]:
    """Languages (ISO 639-1) with their probabilities, likeliest first; none for a text too short to tell."""
    if sum(c.isalpha() for c in text) < LANGUAGE_LETTERS:
        return []
    return [(str(language), float(share)) for language, share in _identifier().rank(text)]


@lru_cache(1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_PRIVATE = {
    "an e-mail address": re.compile(r"\b[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-z]{2,}\b", re.IGNORECASE),
    "a payment card's number": re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)"),
    "an IBAN": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "a US social security number": re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    "an IP address": re.compile(rf"(?<![\d.])(?:{_BYTE}\.){{3}}{_BYTE}(?![\d.])"),
    "a secret key": re.compile(r"\b(?:sk|pk|ghp|gho|xox[bp])[-_][A-Za-z0-9_-]{16,}\b|\bAKIA[0-9A-Z]{16}\b"),
}  # fmt: skip


def private(text: str) -> list[str]:
    """Kinds of private data in a text, by form, and by check digits where there are any; the data is not repeated."""
    # Numbers with their country's code, and those of the United States, which seldom have it.
    numbers = any(True for region in (None, "US") for _ in phonenumbers.PhoneNumberMatcher(text, region))
    found = ["a telephone number"] if numbers else []
    for kind, form in _PRIVATE.items():
        hits = [hit[0] for hit in form.finditer(text)]
        if kind in _CHECKS:
            hits = [hit for hit in hits if _CHECKS[kind](hit)]
        if hits:
            found.append(kind)
    return found


def _luhn(number: str) -> bool:
    digits = [int(c) for c in number if c.isdigit()][::-1]
    return len(set(digits)) > 1 and sum(sum(divmod(2 * d, 10)) if i % 2 else d for i, d in enumerate(digits)) % 10 == 0


def _iban(number: str) -> bool:
    compact = number.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


_CHECKS = {"a payment card's number": _luhn, "an IBAN": _iban}
