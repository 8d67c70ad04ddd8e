"""What all settings share: frozen, unknown keys refused, and names checked against the file they stand in."""

from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from policies.problems import did_you_mean, mistake


class Settings(BaseModel):
    """A mapping of the configuration file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        coerce_numbers_to_str=True,
    )


def _known(kind: str) -> Callable[[str, ValidationInfo], str]:
    """Refuse a name that the file does not define. The loader passes the defined names as context."""

    def check(name: str, info: ValidationInfo) -> str:
        names = (info.context or {}).get(kind)
        if names is not None and name not in names:
            raise mistake(f"'{name}'", f"a name under '{kind}': {', '.join(names)}{did_you_mean(name, names)}")
        return name

    return check


def no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise mistake(str(value).lower(), "a number")
    return value


def _time_zone(name: str) -> str:
    if name != "UTC":  # which needs no database
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            allowed = "UTC or a name of the system's time zone database, such as Europe/Berlin"
            raise mistake(f"'{name}'", allowed) from None
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]
TierName = Annotated[str, AfterValidator(_known("tiers"))]
PolicyName = Annotated[str, AfterValidator(_known("policies"))]
Whole = Annotated[int, BeforeValidator(no_bool)]
Number = Annotated[float, BeforeValidator(no_bool)]
Positive = Annotated[int, Field(ge=1), BeforeValidator(no_bool)]
PositiveNumber = Annotated[float, Field(gt=0), BeforeValidator(no_bool)]
