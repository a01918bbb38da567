"""Tensor names of a public class and ours, one table read both ways."""

import re
from collections.abc import Mapping
from typing import TypeVar

from torch import Tensor, nn

from trenza.errors import WeightsError

Model = TypeVar("Model", bound=nn.Module)
_LEAF = r"(\.weight|\.bias)?"


class Names:
    """`pairs`: theirs -> ours, of modules (whose weight and bias follow) or of single tensors; `{}` is a number.

    ignored: endings of tensors that hold nothing learned, such as the position numbers of old checkpoints.
    """

    def __init__(self, pairs: Mapping[str, str], ignored: tuple[str, ...] = (".position_ids",)):
        self.ignored = ignored
        self._to_ours = [(_pattern(theirs), ours) for theirs, ours in pairs.items()]
        self._to_theirs = [(_pattern(ours), theirs) for theirs, ours in pairs.items()]

    def ours(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Raises WeightsError naming a tensor that the class doesn't have."""
        kept = (name for name in weights if not name.endswith(self.ignored))
        return {_renamed(name, self._to_ours): weights[name] for name in kept}

    def theirs(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The way back. Raises WeightsError naming a tensor that the public class has no place for."""
        return {_renamed(name, self._to_theirs): tensor for name, tensor in weights.items()}

    def fit(self, model: Model, weights: Mapping[str, Tensor]) -> Model:
        """Their weights become the model's, in their own type and without a copy; it may be built on "meta".

        Raises WeightsError naming the first tensor, as they call it, that is missing, unknown or of another shape.
        """
        renamed = self.ours(weights)
        expected = model.state_dict()
        for name in sorted(expected.keys() | renamed.keys()):
            if name not in renamed:
                raise WeightsError(f"tensor {_renamed(name, self._to_theirs)} is missing")
            if name not in expected:
                raise WeightsError(f"tensor {_renamed(name, self._to_theirs)} is more than its config asks for")
            shape, wanted = list(renamed[name].shape), list(expected[name].shape)
            if shape != wanted:
                their_name = _renamed(name, self._to_theirs)
                raise WeightsError(f"tensor {their_name} has shape {shape}, its config asks for {wanted}")
        model.load_state_dict(renamed, assign=True)
        return model.eval().requires_grad_(False)


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name).replace(r"\{\}", r"(\d+)") + _LEAF)


def _renamed(name: str, table: list[tuple[re.Pattern[str], str]]) -> str:
    for pattern, other in table:
        if match := pattern.fullmatch(name):
            *numbers, leaf = match.groups()
            return other.format(*numbers) + (leaf or "")
    raise WeightsError(f"tensor {name} has no place in this class")
