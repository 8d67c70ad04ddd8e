"""What the file says about alerts: thresholds, and where a message goes."""

from typing import Annotated, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator

from policies.problems import mistake
from policies.schema_base import Number, Positive, PositiveNumber, Settings, Whole

Share = Annotated[Number, Field(gt=0, le=1)]
Percent = Annotated[Whole, Field(ge=1, le=1000)]


class Webhook(Settings):
    """A JSON message for a program, signed."""

    url: HttpUrl = Field(description="Where it is posted.")
    secret: SecretStr = Field(
        description="Signs the message: HMAC-SHA256 over `timestamp.body`, in `x-tiergate-signature`."
    )


class Slack(Settings):
    """A message for a chat, in the shape of Slack's incoming webhooks, which others understand too."""

    url: SecretStr = Field(description="The incoming webhook; whoever knows it may post.")


class Email(Settings):
    """A message by mail."""

    host: Annotated[str, Field(min_length=1)] = Field(description="SMTP server.")
    port: Whole = Field(default=587, ge=1, le=65535, description="Its port.")
    tls: bool = Field(default=True, description="Begin with STARTTLS; a port of 465 speaks TLS from the start.")
    username: str = Field(default="", description="Account, where the server asks for one.")
    password: SecretStr | None = Field(default=None, description="Its password.")
    sender: Annotated[str, Field(min_length=3)] = Field(description="Address that it comes from.")
    to: tuple[Annotated[str, Field(min_length=3)], ...] = Field(min_length=1, description="Addresses that it goes to.")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise mistake("one of them", "'username' and 'password' together, or neither")
        return self


class Alerts(Settings):
    """When somebody is told, and how. Rates and latencies are of the last five minutes."""

    enabled: bool = Field(default=True, description="Whether anything is watched.")
    every_s: Annotated[PositiveNumber, Field(ge=1, le=3600)] = Field(
        default=30, description="Seconds between two looks."
    )
    webhook: Webhook | None = Field(default=None, description="A signed JSON message to a program.")
    slack: Slack | None = Field(default=None, description="A message to a chat.")
    email: Email | None = Field(default=None, description="A message by mail.")
    budget_percent: tuple[Percent, ...] = Field(
        default=(50, 80, 100), description="Percent of a budget at which its scope is told, ascending."
    )
    spend_times: PositiveNumber = Field(
        default=3, description="This hour's spend over the mean of the same hour and weekday of the last four weeks."
    )
    key_times: PositiveNumber = Field(
        default=5, description="One key's spend this hour over its mean hour of the last seven days."
    )
    least_usd: PositiveNumber = Field(default=1, description="Spend of an hour below which neither is told.")
    loop_requests: Positive = Field(
        default=100, description="Requests of one key for one model with equal prompt lengths in five minutes."
    )
    ledger_lag_s: PositiveNumber = Field(default=30, description="Age of the oldest row that is not written.")
    escalation_rate: Share = Field(default=0.5, description="Escalations over requests.")
    error_rate: Share = Field(default=0.01, description="Answers of status 500 and above over requests.")
    p99_s: PositiveNumber = Field(
        default=1, description="p99 of whole requests in seconds; raise it where answers are long."
    )
    ttft_s: PositiveNumber = Field(default=0.8, description="p95 of a tier's time to the first token in seconds.")
    kv_cache: Share = Field(default=0.9, description="Share of a replica's GPU memory for the KV cache in use.")
    least_requests: Positive = Field(
        default=50, description="Requests in five minutes below which rates and latencies say nothing."
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.budget_percent) != sorted(set(self.budget_percent)):
            raise mistake(f"{list(self.budget_percent)}", "percents that ascend, such as [50, 80, 100]")
        return self
