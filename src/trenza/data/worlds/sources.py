"""The real stock: emoji, stamps and clip art with their names and sounds, photographs, and espeak-ng's voices.

Cut-outs are rendered once and kept in the cache as one array that processes share by memory map.
"""

import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from filelock import FileLock
from PIL import Image as Pillow

from trenza.cache import cache_dir
from trenza.data.corpora import pictures, speech
from trenza.data.corpora.fetch import package_folder
from trenza.data.names import noun
from trenza.data.worlds.drawing import SIZE
from trenza.data.worlds.phrases import phrases
from trenza.data.worlds.stock import Stock, Thing
from trenza.data.worlds.track import RATE
from trenza.errors import DataError

CUT = 96  # pixels of the longer side of a kept cut-out
GROUND = 384  # pixels of the shorter side of a kept photograph: crops of SIZE from it differ
VERSION = "1"  # of the kept files; another one makes them anew
# Names that fit many other things as well.
VAGUE = {"bird", "fish", "flower", "plant", "animal", "person", "fruit", "food", "tree", "house", "sun", "face", "man"}
TWO_THINGS = {"mouse", "seal", "bat", "ring", "crane", "nail"}  # clip art means now the one, now the other
GROUPS_OF_STAMPS = {
    "animals": "animals-nature", "plants": "animals-nature", "naturalforces": "animals-nature",
    "food": "food-drink", "vehicles": "travel-places", "town": "travel-places", "space": "travel-places",
    "sports": "activities", "hobbies": "activities", "household": "objects", "clothes": "objects",
    "medical": "objects",
}  # fmt: skip
SOUNDING = ("animals", "hobbies", "household", "naturalforces", "vehicles/emergency")  # whose .ogg is its own sound
VOICES = {"en": ("en-us", "en-gb", "en-gb-scotland"), "es": ("es", "es-419")}
SPEAKERS = ("", "+m1", "+m3", "+f1", "+f2", "+Annie", "+linda")


@functools.lru_cache
def stock_of(split: str, languages: tuple[str, ...]) -> Stock:
    """Everything `split` may show, named in `languages` where the sources name it. Raises DataError."""
    kept = _kept()
    flat = np.load(kept / "cutouts.npy", mmap_mode="r")
    sounds = np.load(kept / "sounds.npy", mmap_mode="r")
    entries = json.loads((kept / "things.json").read_text(encoding="utf-8"))
    tables = {language: _names(language) for language in languages if language != "en"}
    trained = {kind(e["name"]) for e in entries if _split(e) == "train"}
    things = []
    for entry in entries:
        wanted = _split(entry)
        # An unseen object is one of a kind that no training picture has.
        mine = wanted == (split if split in ("test_style", "test_object") else "train")
        if not mine or (split == "test_object" and kind(entry["name"]) in trained):
            continue
        names = {"en": entry["name"]}
        for language, table in tables.items():
            name = entry["names"].get(language) or table.get(entry["name"])
            if name:
                names[language] = name
        height, width, effect = entry["height"], entry["width"], entry["effect"]
        rgba = flat[entry["at"] : entry["at"] + height * width * 4].reshape(height, width, 4)
        sound = sounds[effect[0] : effect[0] + effect[1]].astype(np.float32) / 32768 if effect else None
        key, style, group, subgroup = (str(entry[part]) for part in ("key", "style", "group", "subgroup"))
        things.append(Thing(key, style, group, subgroup, names, rgba, sound))
    grounds = np.load(kept / ("grounds_train.npy" if split == "train" else "grounds_test.npy"), mmap_mode="r")
    return Stock(tuple(things), tuple(grounds), say)


def kind(name: str) -> str:
    """The head of a name, singular: an "electric guitar" is a guitar, "t shirts" are of a kind with a "t-shirt"."""
    return re.split(r"[ -]", name)[-1].removesuffix("s")


def _split(entry: dict) -> str:
    if entry["style"] == pictures.UNSEEN_STYLE:
        return "test_style"
    return "test_object" if entry["test"] else "train"


def say(text: str, language: str, voice: int) -> np.ndarray:
    """espeak-ng's reading, float32 [n] at 16 kHz; spoken once, then kept on disk. Raises DataError without it."""
    base = phrases(language).document["speech"]
    accents = VOICES.get(base, (base,))
    name = accents[voice % len(accents)] + SPEAKERS[voice // len(accents) % len(SPEAKERS)]
    return _said(text, name)


@functools.lru_cache(4096)
def _said(text: str, voice: str) -> np.ndarray:
    key = hashlib.sha256(f"{voice}|{text}".encode()).hexdigest()
    file = cache_dir() / "worlds" / "speech" / key[:2] / f"{key}.npy"
    if not file.is_file():
        samples = speech.speak(text, voice)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as writer:
            np.save(writer, (np.clip(samples, -1, 1) * 32767).astype(np.int16))
        partial.rename(file)
    # Always read back, so that the first use gives the same samples as every later one.
    return np.load(file).astype(np.float32) / 32768


@functools.lru_cache
def _names(language: str) -> dict[str, str]:
    """English emoji name -> name in `language`, from emojibase; articles off."""
    articles = re.compile(rf"^({phrases(language).document['articles']})\s+", re.IGNORECASE)
    base = package_folder("emojibase-data") / "package"
    if not (base / language / "data.json").is_file():
        raise DataError(f"emojibase-data has no names in {language!r}; its languages are the folders of {base}")
    foreign = {e["hexcode"]: e["label"] for e in json.loads((base / language / "data.json").read_text())}
    table = {}
    for entry in json.loads((base / "en/data.json").read_text()):
        if entry["hexcode"] in foreign:
            table[noun(entry["label"])] = articles.sub("", noun(foreign[entry["hexcode"]]))
    return table


def _kept() -> Path:
    """The folder of rendered cut-outs, photographs and sounds, made on first use by one process."""
    folder = cache_dir() / "worlds" / f"stock-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            partial = folder.with_name(folder.name + ".partial")
            partial.mkdir(exist_ok=True)
            _keep_things(partial)
            for name, test in (("train", False), ("test", True)):
                np.save(partial / f"grounds_{name}.npy", np.stack(list(_photographs(test))))
            partial.rename(folder)
    return folder


def _keep_things(folder: Path) -> None:
    entries, cutouts, sounds, at, heard = [], [], [], 0, 0
    for picture, entry in _pictures():
        try:
            rgba = trimmed(picture.rgba(CUT))
        except (DataError, OSError):
            continue  # a drawing that no renderer takes; the sources have a handful of them
        if rgba is None:
            continue
        effect = _effect(picture)
        entry |= {"at": at, "height": rgba.shape[0], "width": rgba.shape[1], "effect": None}
        if effect is not None:
            entry["effect"] = [heard, len(effect)]
            sounds.append(effect)
            heard += len(effect)
        cutouts.append(rgba.reshape(-1))
        at += rgba.size
        entries.append(entry)
    np.save(folder / "cutouts.npy", np.concatenate(cutouts))
    np.save(folder / "sounds.npy", np.concatenate(sounds))
    (folder / "things.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")


def trimmed(rgba: np.ndarray) -> np.ndarray | None:
    """Cut to the opaque part. None where nothing much is left, or no edge shows: a full square is no cut-out."""
    solid = rgba[..., 3] > 127
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    if len(rows) < 8 or len(columns) < 8:
        return None
    cut = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = float((cut[..., 3] > 127).mean())
    return np.ascontiguousarray(cut) if 0.12 < share < 0.985 and min(cut.shape[:2]) >= CUT / 4 else None


def _pictures() -> Iterator[tuple[pictures.Picture, dict]]:
    """All pictures with a plain name, and what is kept of each."""
    base = package_folder("emojibase-data") / "package"
    subgroup = {
        noun(e["label"]): f"emoji:{e.get('subgroup')}" for e in json.loads((base / "en/data.json").read_text())
    }  # fmt: skip
    group_of = {name: group for name, group in pictures.emoji_table().values() if group in pictures.THINGS}
    for style in pictures.EMOJI_STYLES:
        for p in pictures.emoji(style):
            if p.group in pictures.THINGS and plain(p.name):
                yield p, _entry(p, p.group, subgroup.get(p.name, "emoji:"), {})
    for p in pictures.stamps():
        group = GROUPS_OF_STAMPS.get(p.key.split("/")[0])
        if group and plain(p.name):
            yield p, _entry(p, group, "stamps:" + "/".join(p.key.split("/")[:-1][:2]), _stamp_names(p))
    names = {name for name in group_of if plain(name)} - TWO_THINGS
    for p in pictures.clipart(names):
        # Only files named after the thing and nothing else: a "pie chart icon" shows no pie.
        if re.fullmatch(p.name.replace(" ", "[ _-]") + r"[ _-]?\d*", Path(p.key).name.lower()):
            yield p, _entry(p, group_of[p.name], subgroup.get(p.name, "emoji:"), {})


def plain(name: str) -> bool:
    """One or two words of letters that stand for one kind of thing."""
    return (
        bool(re.fullmatch(r"[a-z]+([ -][a-z]+)?", name))
        and name.removesuffix("s") not in VAGUE
        and not pictures.is_clock(name)
    )


def _entry(p: pictures.Picture, group: str, subgroup: str, names: dict[str, str]) -> dict:
    return {
        "key": f"{p.source}/{p.key}", "style": p.source, "name": p.name, "names": names, "group": group,
        "subgroup": subgroup, "test": p.test,
    }  # fmt: skip


def _stamp_names(p: pictures.Picture) -> dict[str, str]:
    """Names by language from the stamp's text file, whose lines read es.utf8=Un buitre."""
    assert p.file is not None
    found = {}
    for line in p.file.with_suffix(".txt").read_text(encoding="utf-8", errors="replace").splitlines()[1:]:
        match = re.fullmatch(r"([a-z]{2})\.utf8=(.+)", line.strip())
        if match and len(match[2].split()) <= 4:
            language, text = match.groups()
            try:
                articles = phrases(language).document["articles"]
            except DataError:
                continue  # a language without questions needs no names
            found[language] = re.sub(rf"^({articles})\s+", "", noun(text))
    return found


def _effect(p: pictures.Picture) -> np.ndarray | None:
    """int16 [n] at 16 kHz of the thing's own sound, two seconds at most; None where there is none."""
    if p.source != "stamps" or not p.key.startswith(SOUNDING) or p.file is None:
        return None
    file = p.file.with_suffix(".ogg")
    if not file.is_file():
        return None
    pieces = []
    with av.open(str(file)) as container:
        resampler = av.AudioResampler("s16", "mono", RATE)
        for frame in container.decode(audio=0):
            pieces += [f.to_ndarray()[0] for f in resampler.resample(frame)]
    return np.concatenate(pieces)[: 2 * RATE]


def _photographs(test: bool) -> Iterator[np.ndarray]:
    """Middles of the photographs of a split, uint8 [GROUND, 1.5 GROUND, 3]."""
    for p in pictures.photographs():
        if p.test != test or p.file is None:
            continue
        with Pillow.open(p.file) as image:
            image.draft("RGB", (2 * GROUND, 2 * GROUND))
            picture = image.convert("RGB")
        scale = max(GROUND / picture.height, 1.5 * GROUND / picture.width)
        picture = picture.resize((round(picture.width * scale) + 1, round(picture.height * scale) + 1))
        left, top = (picture.width - GROUND * 3 // 2) // 2, (picture.height - GROUND) // 2
        assert min(left, top) >= 0 and GROUND >= SIZE
        yield np.asarray(picture.crop((left, top, left + GROUND * 3 // 2, top + GROUND)))
