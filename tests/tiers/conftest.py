"""An open session, and engines that point at a provider."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.faults.server import Provider
from tiers.engines.registry import DIALECTS
from tiers.openai_http import HttpEngine, HttpSession
from tiers.types import Call, ReplicaSpec, TierSpec, Timeouts

MakeEngine = Callable[..., HttpEngine]
KEY = "sk-very-secret"


@pytest.fixture
async def session() -> AsyncIterator[HttpSession]:
    made = HttpSession()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def engine(session: HttpSession) -> MakeEngine:
    """engine(provider, kind="vllm", model="m", first_token_s=...): an engine at that provider."""

    def make(at: Provider | str, kind: str = "vllm", model: str = "m", **timeouts: float) -> HttpEngine:
        replica = ReplicaSpec(url=at if isinstance(at, str) else at.url, name="a")
        spec = TierSpec(
            name="short",
            engine=kind,
            model=model,
            replicas=(replica,),
            api_key=KEY,
            timeouts=Timeouts(**timeouts),
        )
        return HttpEngine(spec, replica, session, DIALECTS[kind])

    return make


def chat(*, stream: bool = False, **fields: object) -> Call:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}], **fields}
    return Call("/v1/chat/completions", body, stream, "r1")
