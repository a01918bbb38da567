"""Recipes: small YAML files, checked key by key, that say what is trained on what.

trenza train recipes/smoke.yaml out=runs/smoke steps=100 data.0.limit=200
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trenza.errors import UsageError

Positive = Annotated[int, Field(gt=0)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSource(Strict):
    """One source of conversations: a folder that `trenza data build` wrote, or corpora to build for this training.

    items: of worlds, where they are among `build`. limit: conversations taken from its start. weight: its share
    (default: its number of conversations). shuffled: share of the texts exchanged among each other, to measure what
    noise does.
    """

    path: Path | None = None
    build: list[str] = []
    items: int = 0
    split: str = "train"
    seed: int = 0
    limit: Positive | None = None
    weight: Annotated[float, Field(gt=0)] | None = None
    shuffled: Annotated[float, Field(ge=0, le=1)] = 0.0


class Recipe(Strict):
    """A training. batch: conversations a step over all processes. Rates are peaks of a cosine after `warmup` steps.

    bridge: LLaVA's, of grids of features. perceive: "grid" (the frozen tower's features) or "things" (objects,
    events and lines that the default's towers perceive). rank: of the language model's low-rank updates.
    shots: at most so many of the batch's other conversations, each with an answer, stand before a conversation, so that
    a prompt of examples is nothing new (Flamingo). More a step over all processes, for llava: imagined, conversations
    about media that never were (`imagined.py`), where things are perceived; plain, questions without media, held to
    what the pinned language model says (`plain.py`). start: a trained folder to go on from. places_rate: of the added
    tokens for places and times. workers: processes that make batches ahead, where an accelerator learns from them.
    """

    system: str
    out: Path
    data: Annotated[list[DataSource], Field(min_length=1)]
    steps: Positive
    batch: Positive
    seed: int = 0
    bridge: Literal["linear", "mlp"] = "mlp"
    perceive: Literal["grid", "things", "simulated"] = "grid"
    rank: Annotated[int, Field(ge=0)] = 0
    start: Path | None = None
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4
    bridge_rate: Annotated[float, Field(gt=0)] = 1e-3
    places_rate: Annotated[float, Field(gt=0)] = 3e-3
    warmup: Annotated[int, Field(ge=0)] = 20
    turns: Positive = 8
    shots: Annotated[int, Field(ge=0)] = 0
    imagined: Annotated[int, Field(ge=0)] = 0
    plain: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=0)] = 0
    save_every: Positive = 100
    sample_every: Positive = 200


def load(file: Path, changes: list[str]) -> Recipe:
    """A recipe with `key=value` changes. Raises UsageError naming file, key and the nearest right name."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"recipe {file} can't be read: {error}; give the path of a YAML file") from error
    except yaml.YAMLError as error:
        raise UsageError(f"recipe {file} isn't YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise UsageError(f"recipe {file} holds no keys; see recipes/smoke.yaml")
    for change in changes:
        _change(document, change)
    try:
        return Recipe(**document)
    except ValidationError as error:
        raise UsageError(f"recipe {file}: {_told(error)}") from error
    except TypeError as error:
        raise UsageError(f"recipe {file}: {error}; keys are words") from error


def _change(document: dict[str, Any], change: str) -> None:
    """Set `a.0.b=value` in place; the value is read as YAML."""
    path, equals, value = change.partition("=")
    if not equals or not path:
        raise UsageError(f"{change!r} is no change of a recipe; write key=value, as in steps=100")
    at: Any = document
    *parents, last = [int(k) if k.isdigit() else k for k in path.split(".")]
    try:
        for key in parents:
            at = at[key]
        at[last] = yaml.safe_load(value)
    except (KeyError, IndexError, TypeError) as error:
        raise UsageError(f"{change!r}: the recipe has no {path!r}; count lists from 0, as in data.0.limit=5") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{change!r}: the value isn't YAML") from error


def _told(error: ValidationError) -> str:
    """The first fault: its key, what is wrong, and the way out."""
    fault = error.errors()[0]
    key = ".".join(str(k) for k in fault["loc"])
    if fault["type"] != "extra_forbidden":
        return f"{key}: {fault['msg'][0].lower()}{fault['msg'][1:]}"
    known = list((DataSource if len(fault["loc"]) > 1 else Recipe).model_fields)
    near = difflib.get_close_matches(str(fault["loc"][-1]), known, 1)
    return f"unknown key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}")
