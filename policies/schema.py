"""The configuration file: what it may say, and what each setting is when it says nothing.

`python -m policies.schema` prints the JSON Schema that editors use.
"""

import json
import sys
from functools import cache
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from policies.problems import mistake
from policies.schema_alerts import Alerts
from policies.schema_base import Number, PolicyName, Settings, TierName, TimeZone, Whole
from policies.schema_limits import Budget, RateLimit, Redis, shared_place
from policies.schema_oidc import Oidc
from policies.schema_policies import Policy
from policies.schema_tiers import Tier

REFERENCE = r"\$\{"
SQLITE = "sqlite:///"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"


def _ledger(url: str) -> str:
    if url.startswith(("postgresql:", "postgres:")):
        raise mistake("a PostgreSQL address", "sqlite:///PATH: PostgreSQL is not available in this release")
    if not url.startswith(SQLITE) or len(url) == len(SQLITE):
        raise mistake(
            f"'{url}'",
            "sqlite:///PATH, such as sqlite:///var/ledger.db (relative) or sqlite:////srv/ledger.db",
        )
    return url


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name other than localhost may be anything."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Server(Settings):
    """Where the gateway listens."""

    host: str = Field(
        default="127.0.0.1",
        description="Address; any but this machine's own needs `auth: keys`, or --insecure.",
    )
    port: Whole = Field(default=8080, ge=0, le=65535, description="Port; 0 takes a free one.")
    auth: Literal["none", "keys"] = Field(
        default="none", description="`keys`: every request needs a key of `tiergate keys`."
    )
    oidc: Oidc | None = Field(default=None, description="Tokens of an identity provider, accepted in place of a key.")
    timezone: TimeZone = Field(
        default="UTC", description="Time zone of the rules' `hour` and `weekday`, and of the budgets' periods."
    )
    max_body_bytes: Whole = Field(
        default=10_485_760, ge=1024, le=1_073_741_824, description="Largest request that is read, in bytes."
    )


class State(Settings):
    """Where the gateway keeps what must outlive a request."""

    ledger: Annotated[str, AfterValidator(_ledger)] = Field(
        default="sqlite:///var/ledger.db",
        description="The ledger: sqlite:///PATH, relative to the working directory.",
    )
    ledger_keep_days: Whole | None = Field(
        default=None,
        ge=2,
        description="Days after which `tiergate ledger archive` moves rows into Parquet files; not given, rows stay. "
        "Sums stay in any case.",
    )
    shared: Annotated[str, AfterValidator(shared_place)] = Field(
        default="memory",
        description="Budgets and rate limits: `memory` for one gateway process, `redis://HOST:PORT/0` for several.",
    )
    redis: Redis = Field(default=Redis(), description="How the Redis of `shared` is used.")

    @property
    def ledger_path(self) -> str:
        """Path of the SQLite file."""
        return self.ledger.removeprefix(SQLITE)


class Classifier(Settings):
    """The model that predicts quality and answer length."""

    artifact: Annotated[str, Field(min_length=1)] = Field(
        default="bundled", description="`bundled`, `bundled:NAME`, or the directory of a trained artifact."
    )
    deadline_ms: Number = Field(
        default=50,
        gt=0,
        le=60_000,
        description="Milliseconds after which the request goes to the route's `safe` tier.",
    )


class Savings(Settings):
    """What spending is compared with."""

    baseline: TierName | None = Field(
        default=None,
        description="Tier that every answer's cost is compared with, at the same tokens; when not given, the dearest "
        "tier that the decision considered and that could have answered.",
    )


class Model(Settings):
    """What one model name of the API stands for: a policy or a tier."""

    policy: PolicyName | None = Field(default=None, description="Policy that decides.")
    tier: TierName | None = Field(default=None, description="Tier that always answers, and no other.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.policy is None) == (self.tier is None):
            raise mistake("both" if self.policy else "neither", "exactly one of 'policy' and 'tier'")
        return self


class Config(Settings):
    """A configuration file of Tiergate."""

    version: Literal[1] = Field(default=1, description="Version of this file's format.")
    server: Server = Field(default=Server(), description="Where the gateway listens.")
    state: State = Field(default=State(), description="Where the gateway keeps what must outlive a request.")
    classifier: Classifier = Field(
        default=Classifier(), description="The model that predicts quality and answer length."
    )
    tiers: Annotated[dict[Annotated[str, Field(pattern=NAME, max_length=64)], Tier], Field(min_length=1)] = Field(
        description="The fleet, weakest tier first."
    )
    models: dict[Annotated[str, Field(min_length=1, max_length=128)], Model] = Field(
        default={},
        description="What a client may put in `model`. When not given: `auto`, and each tier under its own "
        "name. `auto` is always there and stands for the policy `default` unless it is written.",
    )
    policies: dict[Annotated[str, Field(pattern=NAME, max_length=64)], Policy] = Field(
        default={}, description="How requests are routed; `default` is always there."
    )
    savings: Savings = Field(default=Savings(), description="What spending is compared with.")
    budgets: tuple[Budget, ...] = Field(
        default=(), description="What org, teams, keys, users and tags may spend in a period."
    )
    limits: tuple[RateLimit, ...] = Field(default=(), description="How much they may ask for in a minute.")
    alerts: Alerts = Field(default=Alerts(), description="When somebody is told that something is wrong, and how.")


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what the loader accepts once ${NAME} is replaced."""
    made = Config.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def editor_schema() -> dict[str, Any]:
    """The same for the file as it is written: where a number or a boolean is asked for, ${NAME} may stand too."""
    return {key: _or_reference(part) for key, part in json_schema().items()}


def _or_reference(part: Any) -> Any:
    if isinstance(part, list):
        return [_or_reference(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") in ("integer", "number", "boolean"):
        about = {key: part[key] for key in ("title", "description", "default") if key in part}
        asked = {key: value for key, value in part.items() if key not in about}
        return {"anyOf": [asked, {"type": "string", "pattern": REFERENCE}], **about}
    return {key: _or_reference(each) for key, each in part.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(editor_schema(), indent=2, ensure_ascii=False) + "\n")
