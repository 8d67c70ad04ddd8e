"""Cross checks of budgets and rate limits: one told twice, scopes that no request has, Redis settings without it."""

from policies.document import Document
from policies.schema import Config


def lint_limits(config: Config, found: Document) -> None:
    """Report what is wrong in the budgets and limits of a completed configuration."""
    _repeated_budgets(config, found)
    _repeated_limits(config, found)
    _scopes(config, found)
    if "redis" in config.state.model_fields_set and config.state.shared == "memory":
        found.report(("state", "redis"), "settings of Redis", "none with 'shared: memory'")


def _repeated_budgets(config: Config, found: Document) -> None:
    seen: set[tuple[object, ...]] = set()
    for index, budget in enumerate(config.budgets):
        identity = (budget.scope, budget.period, budget.limit_usd is None, budget.on_exceed)
        if identity in seen:
            said = f"a second budget of '{budget.scope}' for the {budget.period} that would {budget.on_exceed}"
            found.report(("budgets", index, "scope"), said, "one for each scope, period, unit and 'on_exceed'")
        seen.add(identity)


def _repeated_limits(config: Config, found: Document) -> None:
    scopes = [limit.scope for limit in config.limits]
    for index, scope in enumerate(scopes):
        if scope in scopes[:index]:
            found.report(("limits", index, "scope"), f"'{scope}' again", "each scope once")


def _scopes(config: Config, found: Document) -> None:
    """Without keys nobody has a key's id."""
    if config.server.auth == "keys":
        return
    scopes = {("budgets", index, "scope"): budget.scope for index, budget in enumerate(config.budgets)}
    scopes |= {("limits", index, "scope"): limit.scope for index, limit in enumerate(config.limits)}
    for place, scope in scopes.items():
        if scope.startswith("key:"):
            found.report(place, f"'{scope}', which no request has", "'server.auth: keys' with it, or another scope")
