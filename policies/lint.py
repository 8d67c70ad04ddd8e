"""Cross checks: settings that are right alone and wrong together."""

from policies.document import Document
from policies.problems import Problem
from policies.schema import LOOPBACK, Config


def lint(config: Config, document: Document, *, insecure: bool) -> list[Problem]:
    """Every such mistake, with its place."""
    found = Document(document.name, keys=document.keys, values=document.values)
    _server(config, found, insecure=insecure)
    if config.budgets:
        found.report(("budgets",), "budgets", "none: budgets are not available in this release")
    return found.problems


def _server(config: Config, found: Document, *, insecure: bool) -> None:
    server = config.server
    if server.host not in LOOPBACK and server.auth == "none" and not insecure:
        found.report(
            ("server", "host"),
            f"'{server.host}' without keys",
            "127.0.0.1, or 'auth: keys', or the option --insecure",
        )
