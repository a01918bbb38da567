"""Checkpoints of a training: whole or not at all, so that a process killed at any moment can be resumed exactly.

A checkpoint is a folder `step-NNNNNNN` of safetensors and JSON (no pickle), written beside its place and moved there in
one step. The two newest are kept.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from trenza.align.sharding import shared, whole
from trenza.errors import UsageError, WeightsError

KEPT = 2
Tensors = dict[str, Tensor]


def save(folder: Path, step: int, weights: Tensors, moments: Tensors, state: dict[str, Any]) -> None:
    """Write the checkpoint after `step` steps. Raises UsageError when the disk is full; older ones stay."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".step-", dir=folder))
    try:
        save_file(weights, partial / "weights.safetensors")
        save_file(moments, partial / "optimiser.safetensors")
        (partial / "state.json").write_text(json.dumps(state))
        partial.rename(folder / f"step-{step:07d}")
    except (OSError, SafetensorError) as error:
        found = latest(folder)
        raise UsageError(
            f"out: the checkpoint of step {step} can't be written to {folder} ({error}); free some disk and run the "
            f"same command again, it goes on from {found.name if found else 'the start'}"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for old in sorted(folder.glob("step-*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def latest(folder: Path) -> Path | None:
    return max(folder.glob("step-*"), default=None)


def load(checkpoint: Path) -> tuple[Tensors, Tensors, dict[str, Any]]:
    """Weights, moments, state. Raises WeightsError naming the checkpoint that is damaged."""
    try:
        weights = load_file(checkpoint / "weights.safetensors")
        moments = load_file(checkpoint / "optimiser.safetensors")
        return weights, moments, json.loads((checkpoint / "state.json").read_text())
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsError(
            f"{checkpoint} is damaged ({error}); delete that folder to go on from the one before"
        ) from error


def moments_of(optimiser: torch.optim.Optimizer, names: dict[Tensor, str], writes: bool) -> Tensors:
    """The optimiser's state by name of parameter and of moment; those that never had a gradient have none.

    Whole, also of what is sharded: all processes must ask, one by one for each moment, and who writes is given them.
    """
    found = {}
    for parameter, state in optimiser.state.items():
        for key, value in state.items():
            moment = whole(value)
            if writes:
                found[f"{names[parameter]}|{key}"] = moment.cpu().contiguous()
    return found


def restore_moments(optimiser: torch.optim.Optimizer, names: dict[Tensor, str], moments: dict[str, Tensor]) -> None:
    parameters = {name: p for p, name in names.items()}
    for path, value in moments.items():
        name, _, key = path.rpartition("|")
        parameter = parameters[name]
        optimiser.state[parameter][key] = value if key == "step" else shared(value, parameter)
