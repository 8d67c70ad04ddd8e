"""Account: from what happened to one request row, written exactly once however the request ended."""

import time

from policies.types import Decision
from router.attempts import overhead_s
from router.cache.exact import Entry
from router.dispatch import Served
from router.errors import ApiError, ClientGone
from router.ledger.types import RequestRow
from router.observe.events import Bus, RequestEnded
from router.replay import recorded
from router.request import Request
from router.savings import Savings, savings
from router.tried import Tried
from tiers.types import Usage

CLIENT_CLOSED = 499


class Account:
    """Gathers what one request did. cache: what `x-tiergate-cache` says. decision: None until there is one.

    joined: the usage of an answer that several engines wrote, None of any other.
    """

    def __init__(self, bus: Bus, request: Request) -> None:
        self._bus = bus
        self._request = request
        self._closed = False
        self.tried = Tried()
        self.cache = "off"
        self.decision: Decision | None = None
        self.served: Served | None = None
        self.hit: Entry | None = None
        self.joined: Usage | None = None

    @property
    def cost_nusd(self) -> int | None:
        """What all attempts so far cost together; None where one of them has no known price."""
        costs = [a.settlement.cost_nusd for a in self.tried.attempts if a.settlement is not None]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def decision_name(self) -> str:
        return self.decision.name if self.decision else ""

    @property
    def headers(self) -> dict[str, str]:
        """The `x-tiergate-*` headers as far as things are known."""
        headers = {
            "x-request-id": self._request.id,
            "x-tiergate-cache": self.cache,
            "x-tiergate-attempts": str(len(self.tried.attempts)),
        }
        if self.tried.allowance is not None:
            headers |= self.tried.allowance.headers
        if self.decision is not None:
            headers["x-tiergate-decision"] = self.decision.name
        if self.hit is not None:
            headers |= {"x-tiergate-tier": self.hit.tier, "x-tiergate-model": self.hit.model}
            headers["x-tiergate-decision"] = self.hit.decision
        elif self.served is not None:
            headers |= {
                "x-tiergate-tier": self.served.attempt.tier.name,
                "x-tiergate-model": self.served.model,
            }
        return headers

    def done(self) -> None:
        self._close(200, "")

    def failed(self, error: BaseException) -> None:
        """error: an ApiError's own status; anything else while answering means that the caller left, or a defect."""
        if isinstance(error, ApiError):
            self._close(error.status, error.code or error.type)
        elif isinstance(error, ClientGone | GeneratorExit) or not isinstance(error, Exception):
            self._close(CLIENT_CLOSED, "client_closed_request")
        else:
            self._close(500, "internal")

    def _close(self, status: int, error_code: str) -> None:
        if self._closed:
            return
        self._closed = True
        if self.tried.allowance is not None:
            self.tried.allowance.used(self._tokens())
        row = self._row(status, error_code)
        self._bus.emit(RequestEnded(row, self._inter_token_ns()))

    def _row(self, status: int, error_code: str) -> RequestRow:
        request, usage = self._request, self.usage()
        headers = self.headers
        saved = self._savings(usage)
        first = self.served.incoming.first_token if self.served and self.served.incoming else None
        return RequestRow(
            request_id=request.id, started_ns=request.started_ns, ended_ns=time.time_ns(), path=request.path,
            client_model=request.client_model, policy=request.policy, decision=headers.get("x-tiergate-decision", ""),
            tier=headers.get("x-tiergate-tier", ""), model=headers.get("x-tiergate-model", ""), status=status,
            cache=self.cache, attempts=len(self.tried.attempts), stream=request.stream,
            input_tokens=usage.input, cached_input_tokens=usage.cached_input, output_tokens=usage.output,
            reasoning_tokens=usage.reasoning, estimated=usage.estimated, cost_nusd=self.cost_nusd,
            team=request.principal.team, key_id=request.principal.key_id, user=request.principal.user,
            tags=request.tags, error_code=error_code,
            ttft_ns=None if first is None else round((first - request.started) * 1e9),
            overhead_ns=round(overhead_s(request, self.tried) * 1e9), facts=self._facts(saved.baseline),
            baseline_nusd=saved.baseline_nusd, saved=saved.by,
        )  # fmt: skip

    def _tokens(self) -> int:
        """Of the answer, as rate limits count them; an answer from the cache used none."""
        usage = Usage() if self.hit is not None else self.usage()
        return usage.input + usage.cached_input + usage.output

    def usage(self) -> Usage:
        """Of the answer that the caller got: the served attempt's, or the cached answer's."""
        if self.hit is not None:
            return self.hit.usage
        if self.joined is not None:
            return self.joined
        return self.served.attempt.usage if self.served else Usage()

    def _savings(self, usage: Usage) -> Savings:
        answered_by = self.served.attempt if self.served else None
        return savings(self._request, self.decision, self.tried.attempts, answered_by, self.hit, self.cache, usage)

    def _facts(self, baseline: str) -> dict[str, object]:
        """Counts, flags and predictions that `replay` decides from again; never text. baseline: of the savings."""
        facts = recorded.facts_of(self._request.facts, self.decision)
        if baseline:
            facts["baseline"] = baseline
        return facts

    def _inter_token_ns(self) -> int | None:
        incoming = self.served.incoming if self.served else None
        if incoming is None or incoming.first_token is None or incoming.last_token is None or incoming.tokens < 2:
            return None
        return round((incoming.last_token - incoming.first_token) / (incoming.tokens - 1) * 1e9)
