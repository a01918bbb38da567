"""From MODEL on a command line to a responder."""

import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as Vocabulary
from torch import Tensor, nn

from trenza.cache import cache_dir
from trenza.checkpoints import parts, public
from trenza.checkpoints.folder import fill, load_folder, read_config
from trenza.checkpoints.settings import parse
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.errors import WeightsError
from trenza.layers.lowrank import merge
from trenza.systems import imported
from trenza.systems.answering import StreamingResponder
from trenza.systems.blip2 import Blip2, Blip2Config
from trenza.systems.blip2_stage1 import Blip2Stage1, Stage1Config
from trenza.systems.clip_answers import ClipAnswers, ClipAnswersConfig
from trenza.systems.codecs import Codecs, patches
from trenza.systems.codecs import load as read_codec
from trenza.systems.flamingo import Flamingo, FlamingoConfig
from trenza.systems.llava import Llava, LlavaConfig
from trenza.systems.native import Native, NativeConfig
from trenza.systems.pali import Pali, PaliConfig
from trenza.systems.perceiving import Things
from trenza.systems.producing import Producer
from trenza.systems.remembering import Remembering
from trenza.systems.sensing import Grids
from trenza.systems.system_responder import Sense, SystemResponder
from trenza.systems.transcribe import Transcriber
from trenza.systems.words import Untouched, Words
from trenza.towers import language as language_tower
from trenza.towers import whisper as whisper_tower
from trenza.towers.events import EventConfig, EventDetector
from trenza.towers.expected import Expected
from trenza.towers.figures import figures
from trenza.towers.language import LanguageModel
from trenza.towers.lines import LineReader
from trenza.towers.objects import ObjectDetector, ObjectsConfig
from trenza.towers.tracks import follow
from trenza.towers.whisper import Whisper

DEFAULT = Path(__file__).parents[1] / "default"
OBJECTS = Path(__file__).parents[1] / "default_objects"
EVENTS = Path(__file__).parents[1] / "default_events"
CODECS = Path(__file__).parents[1] / "default_codecs"
# Nothing reads the first two when answering; the others are Whisper's own.
NOT_SHIPPED = ("classifier", "num_batches_tracked", "listener.embedding", "listener.positions")
THRESHOLD = "support_threshold"  # in config.json, in nats: `align/calibrate.py` puts it there
THINGS = 11  # of `Things` and what has no weights (lines, pages, figures, tracks): counts up when it changes
HUB_NAME = re.compile(r"\w[\w.-]*/[\w.-]+")


def language(dtype: torch.dtype = torch.bfloat16) -> tuple[LanguageModel, Tokenizer]:
    """The pinned language model and its tokenizer, fetched on first use."""
    folder = parts.language_model_folder()
    return language_tower.build(*load_folder(folder), dtype), Tokenizer(folder)


def whisper(dtype: torch.dtype = torch.float32) -> Whisper:
    """The pinned Whisper tiny.en, fetched on first use."""
    return whisper_tower.build(*load_folder(parts.whisper_folder()), dtype)


def transcriber(model: str | None = None, language: str = "en") -> Transcriber:
    """MODEL is nothing (Whisper tiny.en) or a folder that `trenza import` wrote. Raises WeightsError."""
    if model is None:
        return Transcriber(whisper(), Tokenizer(parts.whisper_folder()), language)
    system, imported = public.load(Path(model))
    if not isinstance(imported, Whisper):
        raise WeightsError(f"{model} is a {system} model; speech is written down by whisper models")
    return Transcriber(imported.float(), Tokenizer(Path(model)), language)


def events(whisper: Whisper, folder: Path = EVENTS) -> EventDetector:
    """The detector of events in sound, over this Whisper. Raises WeightsError naming the file that is wrong."""
    config, weights = load_folder(folder)
    try:
        made = EventDetector(EventConfig.from_dict(config), whisper)
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{folder}/config.json isn't of a detector of events: {error!r}") from error
    fill(made, weights, folder / "model.safetensors", optional=NOT_SHIPPED)
    if made.config.said:
        words = Vocabulary.from_file(str(parts.whisper_folder() / "tokenizer.json"))
        made.expected = Expected(made.config.said, made.config.carriers, made.config.lead, words)
    return made.eval().requires_grad_(False)


def grids() -> Grids:
    """The towers that all systems of the bench share, frozen, in bfloat16: EfficientNet-Lite2 and Whisper's encoder."""
    eyes = parts.efficientnet_lite2().to(torch.bfloat16).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Grids(eyes, whisper(torch.bfloat16))


def codecs() -> Codecs:
    """The codecs that ship with the package, of pictures and of sounds."""
    return Codecs({kind: read_codec(CODECS / kind) for kind in ("image", "audio")})


def objects(folder: Path = OBJECTS) -> ObjectDetector:
    """The detector of objects in pictures. Raises WeightsError naming the file that is wrong."""
    config, weights = load_folder(folder)
    try:
        made = ObjectDetector(ObjectsConfig.from_dict(config))
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{folder}/config.json isn't of a detector of objects: {error!r}") from error
    fill(made, weights, folder / "model.safetensors", optional=NOT_SHIPPED)
    if made.config.imagenet:  # with the other parts, so that no photograph needs a network later
        made.untouched = (parts.efficientnet_lite2(),)
    return made.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def digest(folder: Path) -> str:
    """What tells a shipped detector from others: a hash of its weights and its config."""
    files = (folder / "model.safetensors", folder / "config.json")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def things(tokenizer: Tokenizer) -> Things:
    """The default's senses: the shipped detectors of objects and of events, a reader of text, a finder of figures."""
    eyes = objects()
    return Things(
        eyes.detect, eyes.whole, events(whisper()).detect, LineReader().read,
        partial(figures, first=len(eyes.config.names)), partial(follow, eyes), tokenizer.encode,
    )  # fmt: skip


def things_told() -> str:
    """What tells these senses from others."""
    return f"things {THINGS} {digest(OBJECTS)} {digest(EVENTS)}"


def remembered(senses: Things) -> Sense:
    """The same, but the reference pictures are sensed once a machine."""
    made = hashlib.sha256(things_told().encode()).hexdigest()[:16]
    return Remembering(senses, cache_dir() / "references" / f"{made}.safetensors")


def sense(system: str) -> Sense:
    """What a trained system perceives with: the bench's towers, but for those that do without."""
    if system == "native":
        return codecs()
    return patches if system == "native_patches" else grids()


# A trained system's name -> what it is made of: its class around the pinned language model, and its settings.
TRAINED: dict[str, tuple[type, type]] = {
    "clip_answers": (ClipAnswers, ClipAnswersConfig),
    "llava": (Llava, LlavaConfig),
    "flamingo": (Flamingo, FlamingoConfig),
    "blip2": (Blip2, Blip2Config),
    "blip2_stage1": (Blip2Stage1, Stage1Config),
    "pali": (Pali, PaliConfig),
    "native": (Native, NativeConfig),
    "native_patches": (Native, NativeConfig),
}


def trained(folder: Path, dtype: torch.dtype = torch.bfloat16) -> StreamingResponder:
    """What `trenza train` wrote, around the pinned parts in `dtype`; or what `trenza import` did, which has its own."""
    config = read_config(folder)
    if config.get("language"):
        return imported.responder(folder)
    model, tokenizer = _around(folder, config, dtype)
    end, least = tokenizer.token("<|im_end|>"), float(config.get(THRESHOLD, 0.0))
    perceives = "bridges" in config and any(b["kind"] == "objects" for b in config["bridges"].values())
    senses: Sense = remembered(things(tokenizer)) if perceives else sense(config["system"])
    if not config.get("rank"):
        return SystemResponder(model, tokenizer, senses, end, least=least)

    def words() -> SystemResponder:
        return SystemResponder(Words(language(dtype)[0].eval()), tokenizer, senses, end)

    return Untouched(model, tokenizer, senses, end, least=least, words=words)


def _around(folder: Path, config: dict[str, Any], dtype: torch.dtype = torch.bfloat16) -> tuple[Any, Tokenizer]:
    """A trained system around the pinned language model, its updates merged, and its tokenizer."""
    make, settings = TRAINED[config["system"]]
    own = {key: value for key, value in config.items() if key not in ("system", THRESHOLD)}
    parsed: Any = parse(settings, own, f"{folder}/config.json: config")
    words, tokenizer = language(dtype)
    model = make(parsed, words)
    fill_trained(model, load_folder(folder)[1], folder)
    merge(model)
    return model.eval().requires_grad_(False), tokenizer


def producer(folder: str) -> Producer:
    """A native model that `trenza train` wrote, to produce pictures and sounds. Raises WeightsError."""
    config = read_config(Path(folder))
    if config.get("system") != "native":
        raise WeightsError(f"{folder} is a {config.get('system')} model; pictures and sounds come from native ones")
    return Producer(*_around(Path(folder), config), codecs())


def fill_trained(model: nn.Module, weights: dict[str, Tensor], folder: Path) -> None:
    """Fill what is trained of a system, and what its bridges carry; the pinned parts around it stay as they are."""
    pinned = tuple(name for name, p in model.named_parameters() if not p.requires_grad)
    fill(model, weights, folder / "model.safetensors", optional=pinned)


# What "system" in config.json says of a folder of ours -> who loads it.
SYSTEMS: dict[str, Callable[[Path], StreamingResponder]] = {
    "llava_public": imported.responder,
    **dict.fromkeys(TRAINED, trained),
}


def responder(model: str | None = None) -> StreamingResponder:
    """MODEL is nothing (the embedded default), a folder of ours, a public checkpoint that transformers has (folder or
    hub name), or the URL of an OpenAI-compatible endpoint. Raises WeightsError, UsageError or EndpointError.
    """
    if not model:
        return trained(DEFAULT)
    if model.lower().startswith(("http://", "https://")):
        from trenza.systems.endpoint import Endpoint

        return Endpoint(model)
    folder = Path(model)
    if not folder.exists() and HUB_NAME.fullmatch(model):
        return _hub(model)
    if not folder.is_dir():
        raise WeightsError(
            f"{model} is no model: give a folder of ours, a checkpoint of transformers (a folder or a hub name such as "
            "HuggingFaceTB/SmolVLM-256M-Instruct), or the URL of an endpoint such as http://localhost:8000/v1"
        )
    config = read_config(folder)
    if "system" not in config and ("model_type" in config or "architectures" in config):
        return _hub(model)
    if config.get("system") not in SYSTEMS:
        raise WeightsError(
            f"{folder}/config.json names the system {config.get('system')!r}; known: {', '.join(SYSTEMS)}, "
            "or a model_type of transformers"
        )
    return SYSTEMS[config["system"]](folder)


def _hub(source: str) -> StreamingResponder:
    from trenza.systems.hub import HubResponder  # transformers takes seconds to import

    return HubResponder(source)
