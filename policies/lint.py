"""Cross checks: settings that are right alone and wrong together."""

from urllib.parse import urlsplit

from policies.document import Document
from policies.lint_limits import lint_limits
from policies.lint_policies import lint_policy
from policies.problems import Problem
from policies.schema import Config, is_loopback
from policies.schema_tiers import Replica, Tier


def lint(config: Config, document: Document, *, insecure: bool) -> list[Problem]:
    """Every such mistake in a completed configuration, with its place."""
    found = Document(document.name, keys=document.keys, values=document.values)
    _server(config, found, insecure=insecure)
    lint_limits(config, found)
    for name, tier in config.tiers.items():
        _replicas(name, tier, found)
        _timeouts(name, tier, found)
    for name in config.policies:
        lint_policy(config, name, found)
    return found.problems


def replica_name(replica: Replica) -> str:
    """The name given, or host:port of the url."""
    return replica.name or urlsplit(replica.url).netloc.rpartition("@")[2]


def _server(config: Config, found: Document, *, insecure: bool) -> None:
    server = config.server
    if not is_loopback(server.host) and server.auth == "none" and not insecure:
        mended = "127.0.0.1, or 'auth: keys', or the option --insecure"
        found.report(("server", "host"), f"'{server.host}' without keys", mended)
    if server.oidc is not None and server.auth == "none":
        found.report(("server", "oidc"), "tokens that nobody asks for", "'auth: keys' with it")


def _replicas(name: str, tier: Tier, found: Document) -> None:
    seen: set[str] = set()
    for index, replica in enumerate(tier.replicas):
        called = replica_name(replica)
        if called in seen:
            place = ("tiers", name, "replicas", index)
            found.report(place, f"a second replica called '{called}'", "each once; give one of them a 'name'")
        seen.add(called)


def _timeouts(name: str, tier: Tier, found: Document) -> None:
    total = tier.timeouts.total_s
    for phase in ("connect_s", "first_token_s", "idle_s"):
        place = ("tiers", name, "timeouts", phase)
        seconds = getattr(tier.timeouts, phase)
        if seconds > total and place in found.keys:
            found.report(place, f"{seconds:g}", f"at most 'total_s', which is {total:g}")
