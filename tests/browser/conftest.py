"""A gateway with weeks of made-up history, for the whole session of browser tests and for the screenshots."""

import time
from contextlib import asynccontextmanager

import pytest

from tests.browser.chromium import MISSING, browser, found
from tests.browser.fleet import CONFIG
from tests.browser.history import write
from tests.router.gateway import gateway


def pytest_collection_modifyitems(items):
    """Without a browser each test says in one line what to install."""
    if found() is None:
        for item in items:
            if "tests/browser" in str(item.path):
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture
def visit(tmp_path):
    """Opens a gateway on two weeks of requests and a tab: `async with visit() as (running, tab, downloads)`."""

    @asynccontextmanager
    async def open_(*, days=10, per_day=60):
        write(tmp_path / "ledger.db", now_s=time.time(), days=days, per_day=per_day)
        downloads = tmp_path / "downloads"
        async with (
            gateway(tmp_path, config=CONFIG) as running,
            browser(tmp_path / "profile", downloads) as tab,
        ):
            yield running, tab, downloads

    return open_
