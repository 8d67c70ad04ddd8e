"""Load read from Prometheus text: only the wanted lines, because an engine prints thousands."""

import math
from collections.abc import Callable, Iterable

from tiers.engines.dialect import Gauges
from tiers.types import Load


def read_load(text: str, gauges: Gauges) -> Load:
    """What the text says under the names in `gauges`; None for each that it does not say."""
    samples = _Samples(text)
    return Load(
        running=_count(samples.first(gauges.running, sum)),
        waiting=_count(samples.first(gauges.waiting, sum)),
        kv_cache=samples.first(gauges.kv_cache, max),
        prompt_tokens=_count(samples.first(gauges.prompt_tokens, sum)),
        output_tokens=_count(samples.first(gauges.output_tokens, sum)),
    )


class _Samples:
    def __init__(self, text: str) -> None:
        self._lines = [line for line in text.splitlines() if line and line[0] != "#"]

    def first(self, names: Iterable[str], combine: Callable[[list[float]], float]) -> float | None:
        """The values of the first name that has any, over all its label sets."""
        for name in names:
            values = [value for value in map(_value, self._under(name)) if value is not None]
            if values:
                return combine(values)
        return None

    def _under(self, name: str) -> Iterable[str]:
        """Lines of exactly this metric; `name{label="value"}` wants that label among those printed."""
        metric, _, label = name.rstrip("}").partition("{")
        for line in self._lines:
            if line.startswith(metric) and line[len(metric) : len(metric) + 1] in {"{", " "} and label in line:
                yield line


def _value(line: str) -> float | None:
    """The sample's value; a timestamp may follow it. NaN and infinity are no value."""
    words = line[line.rfind("}") + 1 :].split() if "}" in line else line.split()[1:]
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)
