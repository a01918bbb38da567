"""Public checkpoints loaded with transformers: safetensors only, no code of their own, no tensor left to chance."""

import inspect
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from trenza.errors import WeightsError

# transformers fetches compiled kernels from the hub where the `kernels` package is installed: code we never asked for.
os.environ.setdefault("USE_HUB_KERNELS", "0")
ATTENTION = ("sdpa", "eager")  # in this order; a name in config.json could be a kernel to fetch


def load(source: str) -> tuple[Any, Any]:
    """Model and processor (a tokenizer where it reads text alone) of a folder or a hub name.

    Raises WeightsError: out of reach, code of its own, no safetensors, tensors missing, a library missing.
    """
    _refuse_code(Path(source))
    with _quiet():
        try:
            return _model(source).eval().requires_grad_(False), _processor(source)
        except ImportError as error:
            raise WeightsError(f"{source} can't be read: {_first_lines(error)}; install what it asks for") from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
            raise WeightsError(_explained(source, error)) from error


def _refuse_code(folder: Path) -> None:
    """A folder whose files name classes of its own is refused before transformers reads it, whatever it would do."""
    for name in ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json"):
        try:
            settings = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # transformers says what is wrong with it
        # Many checkpoints that transformers knows by now still name the code they once came with; it is left alone.
        if isinstance(settings, dict) and settings.get("auto_map") and not _known(settings.get("model_type")):
            raise WeightsError(f"{folder / name} {_OWN_CODE}")


_OWN_CODE = (
    "asks to run Python code that comes with the checkpoint (auto_map), and trenza never does: trust_remote_code stays "
    "False. Use a checkpoint of a kind that transformers itself has, or serve it elsewhere and give its http://... URL"
)


def _known(model_type: object) -> bool:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return model_type is None or model_type in CONFIG_MAPPING_NAMES


def _explained(source: str, error: Exception) -> str:
    text = _first_lines(error)
    if "trust_remote_code" in str(error):
        return f"{source} {_OWN_CODE}"
    if "safetensors" in str(error):
        return f"{source} has no safetensors, the only weights trenza reads (others can run code): convert it ({text})"
    if not Path(source).exists():
        return f"{source} is no folder, and no checkpoint of that name can be had from the hub ({text})"
    return f"{source} isn't a checkpoint that transformers can load: {text}"


def _first_lines(error: Exception) -> str:
    """The beginning of a library's long message, in one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}..."


def _model(source: str) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMultimodalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MULTIMODAL_LM_MAPPING

    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    if config.is_encoder_decoder:
        raise WeightsError(f"{source} has an encoder and a decoder of text; give one that goes on with a prompt")
    for mapping, auto in (
        (MODEL_FOR_MULTIMODAL_LM_MAPPING, AutoModelForMultimodalLM),
        (MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM),
    ):
        if type(config) in mapping:
            return _weights(auto, source)
    raise WeightsError(f"{source} is a {config.model_type}, which writes no answers; give a checkpoint that generates")


def _weights(auto: Any, source: str) -> Any:
    """The model with every tensor from its file: transformers would fill a missing one with random numbers."""
    for attention in ATTENTION:
        try:
            model, info = auto.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True, dtype="auto", attn_implementation=attention,
                output_loading_info=True, ignore_mismatched_sizes=True,
            )  # fmt: skip
            break
        except ValueError as error:
            if attention == ATTENTION[-1] or "support an attention implementation" not in str(error):
                raise
    wrong = sorted(info["missing_keys"]), sorted(str(key) for key in info["mismatched_keys"])
    for names, what in zip(wrong, ("lacks", "has another shape than its config asks for of"), strict=True):
        if names:
            raise WeightsError(f"{source} {what} {len(names)} tensors, such as {names[0]}; restore it")
    return model.to("cuda") if torch.cuda.is_available() else model


def _processor(source: str) -> Any:
    from transformers import AutoConfig, AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    try:
        return AutoProcessor.from_pretrained(source, trust_remote_code=False)
    except ImportError as error:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if "torchvision" not in str(error).lower() or type(config) not in PROCESSOR_MAPPING:
            raise
        return _without_video(PROCESSOR_MAPPING[type(config)], source)


class _NoVideos(dict):
    """In place of a reader of videos: what SmolVLM's processor looks at, video or not; a dict, as it is printed."""

    num_frames = fps = None


def _without_video(kind: Any, source: str) -> Any:
    """A processor without its reader of videos, which asks for torchvision. Videos are given as pictures anyway."""
    from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoTokenizer

    readers: dict[str, Any] = {
        "image_processor": AutoImageProcessor, "feature_extractor": AutoFeatureExtractor, "tokenizer": AutoTokenizer,
    }  # fmt: skip
    nobody = _NoVideos()
    names = [n for n in inspect.signature(kind.__init__).parameters if n in readers or n == "video_processor"]
    parts = [readers[n].from_pretrained(source, trust_remote_code=False) if n in readers else nobody for n in names]

    class WithoutVideo(kind):
        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            return argument is nobody or super().check_argument_for_proper_class(argument_name, argument)

    settings, _ = kind.get_processor_dict(source)
    return WithoutVideo.from_args_and_dict(parts, settings)


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers' progress bars and advice, which nobody who asks a question can act on, held back."""
    from transformers.utils import logging as theirs

    before, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    fetching = logging.getLogger("huggingface_hub")
    fetching_before = fetching.level
    theirs.set_verbosity(logging.ERROR)
    fetching.setLevel(logging.ERROR)
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        theirs.set_verbosity(before)
        fetching.setLevel(fetching_before)
        if bars:
            theirs.enable_progress_bar()
