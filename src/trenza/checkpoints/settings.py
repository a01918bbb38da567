"""A model's settings: frozen dataclasses, kept as JSON and read back with every key checked."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from trenza.errors import WeightsError

T = TypeVar("T")


def parse(kind: type[T], values: Mapping[str, Any], at: str = "config") -> T:
    """A dataclass from JSON values, dataclasses inside it as well. Undoes `dataclasses.asdict`.

    Raises WeightsError naming the key that is missing, unknown or of another type; `at` stands before the key.
    """
    if not isinstance(values, Mapping):
        raise WeightsError(f"{at} is {values!r}, not an object")
    hints = get_type_hints(kind)
    known = fields(kind)  # type: ignore[arg-type]
    if unknown := values.keys() - {f.name for f in known}:
        raise WeightsError(f"{at}.{min(unknown)} is no setting of {kind.__name__}")
    made = {}
    for f in known:
        if f.name in values:
            made[f.name] = _value(hints[f.name], values[f.name], f"{at}.{f.name}")
        elif f.default is MISSING and f.default_factory is MISSING:
            raise WeightsError(f"{at}.{f.name} is missing")
    return kind(**made)


def _value(kind: Any, value: Any, at: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        return _value(next(k for k in get_args(kind) if k is not type(None)), value, at)
    if is_dataclass(kind):
        return parse(kind, value, at)  # type: ignore[arg-type]
    if origin is dict and isinstance(value, Mapping):
        return {k: _value(get_args(kind)[1], v, f"{at}.{k}") for k, v in value.items()}
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_value(get_args(kind)[0], v, at) for v in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, origin or kind) or (kind is int and isinstance(value, bool)):
        raise WeightsError(f"{at} is {value!r}, not of type {getattr(kind, '__name__', kind)}")
    return value
