"""Cross checks of a policy: rules never reached, a cascade that cannot go on, a fallback to nowhere."""

from collections.abc import Iterator
from typing import Any

from policies.conditions import Numbers, Texts
from policies.document import Document, Path
from policies.language import LANGUAGES
from policies.limits import SURE_SHARE
from policies.schema import Config
from policies.schema_policies import Policy, Rule, When
from policies.schema_tiers import Tier

NEEDED_FOR = {
    "has_images": "images",
    "has_tools": "tools",
    "wants_json": "json",
    "wants_logprobs": "logprobs",
}
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")


def lint_policy(config: Config, name: str, found: Document) -> None:
    """Report what is wrong in one policy of a completed configuration."""
    policy, place = config.policies[name], ("policies", name)
    _names(policy, place, found)
    _repeats(policy, place, found)
    _reach(policy, place, found)
    _conditions(config, policy, place, found)
    _abilities(config, policy, place, found)
    _cascade(config, policy, place, found)
    _fallback(policy, place, found)
    _lengths(config, policy, place, found)


def conditions(when: When) -> dict[str, Any]:
    """What a `when` asks, by the keys that the file uses."""
    given = {key: getattr(when, key) for key in when.model_fields_set - {"tag"}}
    return {key: value for key, value in given.items() if value is not None} | {
        f"tag.{name}": condition for name, condition in when.tag.items()
    }


def covers(wide: When, narrow: When) -> bool:
    """Whether every request that meets `narrow` meets `wide` (False where that cannot be shown)."""
    asked, given = conditions(wide), conditions(narrow)
    return all(key in given and _within(given[key], condition) for key, condition in asked.items())


def _within(inner: Any, outer: Any) -> bool:
    return inner is outer if isinstance(outer, bool) else bool(inner.within(outer))


def _rules(policy: Policy, place: Path) -> Iterator[tuple[int, Rule, Path]]:
    for index, rule in enumerate(policy.rules):
        yield index, rule, (*place, "rules", index)


def _names(policy: Policy, place: Path, found: Document) -> None:
    seen: set[str] = set()
    for _, rule, here in _rules(policy, place):
        if rule.name in seen:
            found.report((*here, "name"), f"a second rule '{rule.name}'", "each name once in a policy")
        seen.add(rule.name)


def _repeats(policy: Policy, place: Path, found: Document) -> None:
    """Tiers that stand twice in a written list."""
    lists = {(*here, "use"): rule.use for _, rule, here in _rules(policy, place)} | {
        (*place, "route", "candidates"): policy.route.candidates,
        (*place, "cascade", "then"): policy.cascade.then if policy.cascade is not None else (),
        (*place, "fallback", "order"): policy.fallback.order,
    }
    for where, names in lists.items():
        for index, name in enumerate(names):
            if name in names[:index] and where in found.keys:
                found.report((*where, index), f"'{name}' again", "each tier once")


def _reach(policy: Policy, place: Path, found: Document) -> None:
    for index, rule, here in _rules(policy, place):
        for earlier in policy.rules[:index]:
            if covers(earlier.when, rule.when):
                said = f"a rule that is never reached: '{earlier.name}' before it takes every such request"
                found.report((*here, "name"), said, "a narrower rule before a wider one")
                break


def _conditions(config: Config, policy: Policy, place: Path, found: Document) -> None:
    """Conditions that no request can meet."""
    models = tuple(name for name, model in config.models.items() if model.policy is not None)
    possible = {"language": (*LANGUAGES, "und"), "path": PATHS, "model": models}
    for _, rule, here in _rules(policy, place):
        for key, values in possible.items():
            condition = getattr(rule.when, key)
            if isinstance(condition, Texts) and not any(map(condition.admits, values)):
                asked = ", ".join((*sorted(condition.exact), *condition.globs))
                found.report((*here, "when", key), f"'{asked}', which no request has", ", ".join(values))


def _abilities(config: Config, policy: Policy, place: Path, found: Document) -> None:
    """Rules that send requests to tiers that can never serve them."""
    for _, rule, here in _rules(policy, place):
        for index, name in enumerate(rule.use):
            for inability in _inabilities(rule.when, config.tiers[name]):
                found.report(
                    (*here, "use", index),
                    f"'{name}', which {inability}",
                    "a tier that can serve the rule's requests",
                )


def _inabilities(when: When, tier: Tier) -> Iterator[str]:
    for key, capability in NEEDED_FOR.items():
        if getattr(when, key) is True and capability not in tier.capabilities:
            yield f"cannot do {capability}"
    prompt: Numbers | None = when.prompt_tokens
    if prompt is not None and min(low for low, _ in prompt.spans) * SURE_SHARE > tier.context:
        yield f"has a context of {tier.context}"


def _cascade(config: Config, policy: Policy, place: Path, found: Document) -> None:
    here = (*place, "cascade")
    for _, rule, where in _rules(policy, place):
        if rule.cascade and policy.cascade is None:
            found.report((*where, "cascade"), "true", "false, or a 'cascade' in the policy")
    if policy.cascade is None:
        return
    first, then = policy.cascade.first, policy.cascade.then
    if first in then:
        found.report((*here, "then", then.index(first)), f"'{first}', which drafts", "other tiers than 'first'")
    for index, name in enumerate(policy.cascade.through):
        if name not in then:
            found.report((*here, "through", index), f"'{name}', which is not in 'then'", "tiers of 'then'")
    if not then:
        found.report((*here, "then"), "no tier to go on to", "one or more other tiers than 'first'")
    if "logprobs" not in config.tiers[first].capabilities:
        said = f"'{first}', which cannot do logprobs"
        found.report((*here, "first"), said, "a tier that tells the probabilities of its tokens")


def _fallback(policy: Policy, place: Path, found: Document) -> None:
    fallback = policy.fallback
    written = (*place, "fallback", "order") in found.keys and bool(fallback.order)
    if written and fallback.attempts == 1:
        found.report((*place, "fallback", "attempts"), "1, so that 'order' is never used", "2 or more")
    if written and not fallback.on:
        found.report((*place, "fallback", "on"), "nothing, so that 'order' is never used", "one failure or more")


def _lengths(config: Config, policy: Policy, place: Path, found: Document) -> None:
    route = policy.route
    if (*place, "route", "short_output_tokens") not in found.keys:
        return
    tiers = {*route.candidates, *(policy.cascade.then if policy.cascade is not None else ())}
    if all(config.tiers[name].output == "any" for name in tiers):
        found.report(
            (*place, "route", "short_output_tokens"),
            f"{route.short_output_tokens} without a tier for short or long answers",
            "none, or a candidate with 'output: short' or 'output: long'",
        )
