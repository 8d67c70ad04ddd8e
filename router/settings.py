"""From the owner's YAML to what the parts are built from."""

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from classifier.artifact import Classifier
from classifier.artifact import load as load_classifier
from policies.decide import compile_policy
from policies.schema import Config
from policies.schema_tiers import Tier
from router.limits.rules import Rules
from router.prices.quote import Throughput, price_book
from router.snapshot import Rates, Snapshot
from tiers.build import build
from tiers.openai_http import HttpSession
from tiers.pool import Tier as Pool
from tiers.types import Limits, ReplicaSpec, TierSpec, Timeouts


def embedded_config() -> Path:
    """The configuration that `serve` without `--config` uses: inside the package, or beside it in a checkout."""
    packaged = Path(str(files("router"))) / "embedded.yaml"
    return packaged if packaged.is_file() else Path(__file__).parent.parent / "configs" / "embedded.yaml"


def tier_spec(name: str, tier: Tier) -> TierSpec:
    """What an engine is built from."""
    replicas = tuple(
        ReplicaSpec(url=str(r.url), name=r.name or _host(str(r.url)), region=r.region, kind=r.kind)
        for r in tier.replicas
    )
    return TierSpec(
        name=name,
        engine=tier.engine,
        model=tier.model,
        context=tier.context,
        replicas=replicas or (ReplicaSpec(name="local"),),
        api_key=tier.api_key.get_secret_value() if tier.api_key else None,
        timeouts=Timeouts(**tier.timeouts.model_dump()),
        limits=Limits(**tier.limits.model_dump()),
        capabilities=frozenset(tier.capabilities),
        tokenizer=tier.tokenizer,
        options=tier.engine_options,
        prefer=tier.prefer,
    )


def real_tier(spec: TierSpec, session: HttpSession) -> Pool:
    """The tier with the engine that its specification names, not yet open."""
    return build(spec, session=session, clock=time.monotonic, rng=random.Random())  # noqa: S311 - spreads load


def classifier_of(config: Config) -> Classifier:
    return load_classifier(config.classifier.artifact)


def build_snapshot(
    config: Config,
    tiers: Mapping[str, Pool],
    classifier: Classifier,
    *,
    generation: int,
    measured: Mapping[str, Throughput] | None = None,
) -> Snapshot:
    """tiers: one pool for each tier of the configuration, open. measured: throughput of tiers that give none."""
    prices = price_book(config, on=datetime.now(UTC).date(), measured=measured)
    return Snapshot(
        config=config,
        generation=generation,
        tiers=tiers,
        policies={name: compile_policy(policy) for name, policy in config.policies.items()},
        prices=prices,
        rates={name: Rates.of(prices.price(name)) for name in config.tiers},
        classifier=classifier,
        limits=Rules(config),
        rated_as={name: tier.rated_as or name for name, tier in config.tiers.items()},
    )


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0].rpartition("@")[2]
