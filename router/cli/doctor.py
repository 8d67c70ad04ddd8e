"""`tiergate doctor`: what is installed, reachable and misconfigured, and how to mend it."""

import asyncio
import importlib.metadata
import importlib.util
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from classifier.errors import ArtifactError
from policies.problems import ConfigError
from policies.schema import Config
from router.cli.check import ConfigOption, read
from router.cli.console import as_json, table
from router.prices.quote import price_book
from router.prices.throughput import measured
from router.services import ledger_path
from router.settings import classifier_of, real_tier, tier_spec
from tiers.openai_http import HttpSession
from tiers.pool import Tier

_EXTRAS = {
    "litellm": "managed", "redis": "redis", "jwt": "oidc", "pyarrow": "export", "onnxruntime": "transformer",
    "sklearn": "train", "torch": "distil",
}  # fmt: skip
_LEAST_DISK_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """state: ok, note (nothing to do unless you want it) or bad. mend: what to do."""

    what: str
    state: Literal["ok", "note", "bad"]
    found: str
    mend: str = ""


def doctor(
    config: ConfigOption = None, json: Annotated[bool, typer.Option("--json", help="For machines.")] = False
) -> int:
    """Look at the installation and the configuration; exit 1 where something must be mended."""
    findings = [*_installed(), *_configured(config)]
    if json:
        as_json([{"what": f.what, "state": f.state, "found": f.found, "mend": f.mend} for f in findings])
    else:
        table(("what", "state", "found", "mend"), [(f.what, f.state, f.found, f.mend) for f in findings])
    return int(any(f.state == "bad" for f in findings))


def _installed() -> list[Finding]:
    findings = [Finding("python", "ok", sys.version.split()[0])]
    findings += [_package(name) for name in ("tiergate", "llama-cpp-python", "aiohttp", "uvicorn", "orjson")]
    for module, extra in _EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            findings.append(Finding(module, "note", "not installed", f"pip install 'tiergate[{extra}]' if you need it"))
        else:
            findings.append(Finding(module, "ok", f"installed (extra {extra})"))
    return findings


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "bad", "not installed", f"pip install {name}")


def _configured(path: Any) -> list[Finding]:
    try:
        config = read(path)
    except ConfigError as error:
        return [Finding("configuration", "bad", str(problem), "mend the file") for problem in error.problems]
    place = ledger_path(config)
    findings = [Finding("configuration", "ok", f"{len(config.tiers)} tiers"), _disk(place.parent)]
    try:
        artifact = classifier_of(config)
        findings.append(Finding("classifier", "ok", f"{artifact.version}, rates {', '.join(artifact.tiers)}"))
    except ArtifactError as error:
        findings.append(Finding("classifier", "bad", str(error), "set classifier.artifact"))
    return findings + _unpriced(config) + asyncio.run(_reachable(config))


def _unpriced(config: Config) -> list[Finding]:
    """Tiers whose attempts will have an unknown cost."""
    book = price_book(config, on=datetime.now(UTC).date(), measured=measured(ledger_path(config), config))
    return [
        Finding(f"price of {name}", "note", quote.source, f"set tiers.{name}.price or .gpu: its costs are unknown")
        for name, quote in book.quotes.items()
        if quote.price is None
    ]


def _disk(folder: Any) -> Finding:
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < _LEAST_DISK_BYTES:
        return Finding(
            "ledger's disk", "bad", f"{free >> 20} MiB free", "make room: every request writes to the ledger"
        )
    return Finding("ledger's disk", "ok", f"{free >> 30} GiB free")


async def _reachable(config: Config) -> list[Finding]:
    session = HttpSession()
    await session.open()
    try:
        tiers = [real_tier(tier_spec(name, tier), session) for name, tier in config.tiers.items()]
        return [finding for tier in tiers for finding in await _tier(tier)]
    finally:
        await session.close()


async def _tier(tier: Tier) -> list[Finding]:
    await tier.open()
    try:
        return [
            Finding(f"tier {tier.name}, {r.name}", "ok", f"{tier.spec.engine} answers, model {tier.spec.model}")
            if r.up
            else Finding(
                f"tier {tier.name}, {r.name}",
                "bad",
                str(r.error),
                "start the engine, or mend tiers." + tier.name,
            )
            for r in tier.replicas
        ]
    finally:
        await tier.close()
