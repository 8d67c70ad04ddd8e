"""All pages, in the order of the menu."""

from router.dashboard.ask import Page
from router.dashboard.pages import (
    alerts,
    budgets,
    cache,
    explore,
    gpus,
    latency,
    overview,
    prices,
    requests,
    routing,
    what_if,
)

PAGES: tuple[Page, ...] = (
    overview.PAGE, explore.PAGE, requests.PAGE, routing.PAGE, cache.PAGE, gpus.PAGE, budgets.PAGE, prices.PAGE,
    alerts.PAGE, requests.ONE, what_if.PAGE, latency.PAGE,
)  # fmt: skip
