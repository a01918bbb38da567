"""From a recipe to what is trained: the system, and the frozen towers that perceive for it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trenza.align import lexicon
from trenza.align.conversations import Talk
from trenza.align.features import Look
from trenza.align.lexicon import Lexicon
from trenza.align.recipe import Recipe
from trenza.align.simulated import Simulated
from trenza.bridges.inputs import InputsConfig
from trenza.bridges.qformer import QFormerConfig
from trenza.bridges.resampler import ResamplerConfig
from trenza.checkpoints.folder import fill, load_folder, save_folder
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.errors import UsageError, WeightsError
from trenza.signals import decode
from trenza.systems import codecs, load
from trenza.systems.blip2 import Blip2, Blip2Config
from trenza.systems.blip2_stage1 import Blip2Stage1, Stage1Config
from trenza.systems.clip_answers import ClipAnswers, ClipAnswersConfig
from trenza.systems.codecs import Codecs
from trenza.systems.examples import Medium
from trenza.systems.flamingo import Flamingo, FlamingoConfig
from trenza.systems.llava import BridgeConfig, Llava, LlavaConfig
from trenza.systems.native import CodeConfig, Native, NativeConfig
from trenza.systems.pali import Pali, PaliConfig
from trenza.systems.sensing import FRAMES, SIZES, Grids
from trenza.systems.system_responder import Sense
from trenza.towers.language import LanguageModel

WIDTH, HEADS = 384, 6  # of bridges that read with attention


@dataclass(frozen=True)
class Parts:
    """The pretrained parts that a training stands on, all frozen."""

    language: LanguageModel
    tokenizer: Tokenizer
    grids: Grids
    lexicon: Callable[[], Lexicon] = lexicon.of_the_default
    codecs: Callable[[], Codecs] = load.codecs


def pinned() -> Parts:
    """The pinned parts, fetched on first use."""
    return Parts(*load.language(), load.grids())


def llava(recipe: Recipe, parts: Parts) -> Llava:
    if recipe.perceive == "grid":
        bridges = {k: BridgeConfig(recipe.bridge, parts.grids.widths[k], size) for k, size in SIZES.items()}
        return Llava(LlavaConfig(bridges, recipe.rank), parts.language, recipe.seed)
    words = parts.lexicon()
    bridges = {
        "image": BridgeConfig("objects", languages=2, names=len(words.names)),
        "video": BridgeConfig("tracks", languages=2, names=len(words.names)),
        "audio": BridgeConfig("events", languages=2, names=len(words.sounds), words=len(words.heard)),
        "lines": BridgeConfig("lines", languages=2, names=len(words.names)),
    }
    model = Llava(LlavaConfig(bridges, recipe.rank), parts.language, recipe.seed)
    for bridge in model.bridges.values():
        words.spell(bridge, parts.tokenizer.encode)
    return model


def _inputs(parts: Parts) -> InputsConfig:
    """Of a bridge that reads the bench's features with attention."""
    return InputsConfig(dict(parts.grids.widths), WIDTH, dict(SIZES), FRAMES)


def clip_answers(recipe: Recipe, parts: Parts) -> ClipAnswers:
    """Two blocks over the bench's features; texts from the language model's words and from its sixth block's."""
    torch.manual_seed(recipe.seed)
    lowest = (0, min(6, parts.language.config.layers - 1))
    return ClipAnswers(ClipAnswersConfig(_inputs(parts), HEADS, layers=lowest), parts.language)


def flamingo(recipe: Recipe, parts: Parts) -> Flamingo:
    """64 latents, as in the paper; every sixth block of the language model looks."""
    torch.manual_seed(recipe.seed)
    resampler = ResamplerConfig(_inputs(parts), HEADS, head_width=WIDTH // HEADS, inner=4 * WIDTH, layers=2)
    tags = {kind: parts.tokenizer.encode(f"<{kind}>") for kind in SIZES}
    return Flamingo(FlamingoConfig(resampler, 6, tags), parts.language)


def _qformer(parts: Parts, words: int = 0) -> QFormerConfig:
    """32 queries, as in the paper; half its width and its depth."""
    return QFormerConfig(_inputs(parts), WIDTH, HEADS, inner=4 * WIDTH, layers=6, words=words)


def blip2(recipe: Recipe, parts: Parts) -> Blip2:
    torch.manual_seed(recipe.seed)
    return Blip2(Blip2Config(_qformer(parts)), parts.language)


def blip2_stage1(recipe: Recipe, parts: Parts) -> Blip2Stage1:
    torch.manual_seed(recipe.seed)
    return Blip2Stage1(Stage1Config(_qformer(parts, words=64)), parts.language)


def pali(recipe: Recipe, parts: Parts) -> Pali:
    """Linear bridges, as in the paper."""
    bridges = {kind: BridgeConfig("linear", parts.grids.widths[kind], size) for kind, size in SIZES.items()}
    return Pali(PaliConfig(bridges, recipe.rank), parts.language, recipe.seed)


def native(recipe: Recipe, parts: Parts) -> Native:
    tokens = {"image": codecs.CELLS, "audio": codecs.STEPS}
    codes = {kind: CodeConfig(codec.config.codes, tokens[kind]) for kind, codec in parts.codecs().items()}  # type: ignore[union-attr, arg-type]
    return Native(NativeConfig(codes, rank=recipe.rank), parts.language, recipe.seed)


def native_patches(recipe: Recipe, parts: Parts) -> Native:
    raw = {"image": 3 * codecs.PATCH**2}
    return Native(NativeConfig(patches=raw, rank=recipe.rank), parts.language, recipe.seed)


# What a recipe calls `system` -> who makes it, untrained, around the pinned language model. Any: it is both a module
# and a `System`, which types can't say.
SYSTEMS: dict[str, Callable[[Recipe, Parts], Any]] = {
    "clip_answers": clip_answers,
    "llava": llava,
    "flamingo": flamingo,
    "blip2": blip2,
    "blip2_stage1": blip2_stage1,
    "pali": pali,
    "native": native,
    "native_patches": native_patches,
}


def system(recipe: Recipe, parts: Parts) -> Any:
    """The system of a recipe, from `start` where it names a folder. Raises UsageError, WeightsError."""
    if recipe.system not in SYSTEMS:
        raise UsageError(f"system: {recipe.system!r} is unknown; known: {', '.join(SYSTEMS)}")
    if recipe.perceive != "grid" and recipe.system != "llava":
        raise UsageError(f"perceive: {recipe.perceive} is for llava; {recipe.system} reads grids, leave it out")
    if recipe.imagined and recipe.perceive == "grid":
        raise UsageError("imagined: it is made as detectors perceive it; set perceive: things, or leave it out")
    if recipe.plain and recipe.system != "llava":
        raise UsageError(f"plain: questions without media are for llava; {recipe.system} needs media, leave it out")
    if recipe.shots and recipe.system == "clip_answers":
        raise UsageError("shots: clip_answers compares one question with its media; leave it out")
    model = SYSTEMS[recipe.system](recipe, parts)
    if recipe.start is not None:
        restore(model, recipe.system, recipe.start)
    return model


def restore(model: Any, name: str, folder: Path) -> None:
    """Fill what is trained of `model` from a folder of ours. Raises WeightsError when it is another system's.

    BLIP-2's second stage takes over what its first taught the Q-Former.
    """
    config, weights = load_folder(folder)
    if name == "blip2" and config.get("system") == "blip2_stage1":
        own = model.qformer.state_dict()
        weights = {n.removeprefix("qformer."): t for n, t in weights.items() if n.startswith("qformer.")}
        fill(model.qformer, {n: t for n, t in weights.items() if n in own}, folder / "model.safetensors")
        return
    wanted = config_of(model, name)
    if wrong := [key for key, value in wanted.items() if config.get(key) != value]:
        raise WeightsError(f"start: {folder}/config.json differs in {', '.join(wrong)}; name one of the same recipe")
    load.fill_trained(model, weights, folder)


def config_of(model: Any, name: str) -> dict[str, Any]:
    """What stands in config.json, as JSON values."""
    return json.loads(json.dumps({"system": name, **asdict(model.config)}))


def own_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """What a folder of `model` holds: all that is trained, and tables that a bridge carries."""
    trained = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    kept = model.state_dict()
    return trained | {n: b for n, b in model.named_buffers() if n in kept}


def save(model: Any, name: str, folder: Path) -> None:
    """A folder of ours, float32."""
    save_folder(folder, config_of(model, name), own_weights(model))


def look_with(recipe: Recipe, parts: Parts) -> tuple[Look, str]:
    """How talks are looked at, and a hash that tells these towers from others."""
    if recipe.perceive == "simulated":
        words = parts.lexicon()
        simulated = simulator(recipe, parts, words)
        told = repr((words.names, words.sounds, simulated.errors, recipe.seed))
        return simulated, f"simulated {hashlib.sha256(told.encode()).hexdigest()}"
    if recipe.perceive == "things":
        sense: Sense = load.things(parts.tokenizer)
        told = load.things_told()
    else:
        sense, told = _sense(recipe.system, parts)

    def look(some: list[Talk]) -> list[tuple[Medium, ...]]:
        signals = [[decode(m.data, name=talk.key, kind=m.kind) for m in talk.media] for talk in some]
        seen = iter(sense([s for own in signals for s in own]))
        return [tuple(m for _ in own for m in next(seen)) for own in signals]

    return look, told


def simulator(recipe: Recipe, parts: Parts, words: Lexicon) -> Simulated:
    """Who perceives what is imagined."""
    ears = lexicon.whisper_words()
    return Simulated(
        words.names, words.sounds, lambda text: ears.encode(text, add_special_tokens=False).ids,
        parts.tokenizer.encode, seed=recipe.seed,
    )  # fmt: skip


def _sense(system: str, parts: Parts) -> tuple[Sense, str]:
    """What a system perceives with, and what tells it from others."""
    if system == "native":
        own = parts.codecs()
        return own, f"codecs {digest(own)}"
    if system == "native_patches":
        return codecs.patches, f"patches {codecs.PATCHED} {codecs.PATCH}"
    return parts.grids, f"grids {digest(parts.grids.eyes)} {digest(parts.grids.ears.encoder)}"


def digest(model: nn.Module) -> str:
    """A hash of all weights."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.detach().float().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]
