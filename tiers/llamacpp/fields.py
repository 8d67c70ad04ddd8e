"""The fields of a request's body: each read once, checked, and refused by name."""

from collections.abc import Mapping
from typing import Any

from tiers.llamacpp.refusal import Refusal


class Fields:
    """Reads a body; every method raises Refusal naming field, finding and what is allowed. null is absent."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def raw(self, name: str) -> Any:
        return self._body.get(name)

    def integer(self, name: str, default: int | None, *, least: int, most: int | None = None) -> int | None:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or _outside(value, least, most):
            raise refuse(name, value, "a whole number " + _range(least, most))
        return value

    def number(self, name: str, default: float, *, least: float, most: float | None = None) -> float:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or _outside(value, least, most):
            raise refuse(name, value, "a number " + _range(least, most))
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._body.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise refuse(name, value, "true or false")
        return value

    def strings(self, name: str, *, most: int) -> tuple[str, ...]:
        """One string or a list of them; empty strings are dropped, for they would match everywhere."""
        value = self._body.get(name)
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or len(values) > most or not all(isinstance(v, str) for v in values):
            raise refuse(name, value, f"a string or up to {most} of them")
        return tuple(v for v in values if v)

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        value = self._body.get(name)
        if value is not None and not isinstance(value, dict):
            raise refuse(name, value, "an object")
        return value

    def objects(self, name: str) -> list[dict[str, Any]]:
        value = self._body.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise refuse(name, value, "a list of objects")
        return value


def refuse(name: str, found: Any, allowed: str) -> Refusal:
    shown = repr(found)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return Refusal(f"{name}: found {shown}, allowed {allowed}", param=name, code="invalid_value")


def _outside(value: float, least: float, most: float | None) -> bool:
    return not (value >= least and (most is None or value <= most))


def _range(least: float, most: float | None) -> str:
    return f"from {least}" if most is None else f"from {least} to {most}"
