"""A browser walks the pages: everything is drawn, nothing complains, and nothing leaves this machine."""

import csv
from urllib.parse import urlsplit

import pytest

from router.dashboard.pages.all import PAGES

pytestmark = pytest.mark.browser

MENU = [page.path for page in PAGES if page.group != "hidden"]
DRAWN = "[...document.querySelectorAll('figure.chart')].every((f) => f.dataset.drawn && f.querySelector('canvas'))"


def at_peace(tab, url):
    """No complaint in the console, no failed load, and every request went to the gateway."""
    assert tab.console == []
    assert tab.failed == []
    home = urlsplit(url).netloc
    assert {urlsplit(address).netloc for address in tab.requests if not address.startswith("data:")} == {home}


async def test_every_page_is_drawn(visit):
    """Each page of the menu by a click, then afresh, in both colour schemes and on a phone, without scrolling aside."""
    async with visit() as (running, tab, _):
        await tab.size(1440, 900)
        await tab.open(f"{running.url}/dashboard")
        for page in MENU:
            await tab.run(f"document.querySelector('.sidebar a[href$=\"/{page}\"]').click()")
            await tab.until(f"location.pathname.endsWith('/{page}') && document.querySelector('h1')")
            await tab.until(f"document.querySelector('.sidebar a[aria-current]').pathname.endsWith('/{page}')")
            await tab.until(DRAWN)
        for width, dark in ((1440, True), (390, False)):
            await tab.size(width, 900, dark=dark)
            for page in MENU:
                await tab.open(f"{running.url}/dashboard/{page}")
                await tab.until(DRAWN)
                assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), page
        at_peace(tab, running.url)


async def test_filters_are_the_address(visit):
    """A choice in a form and a click on a cell change the address and the figures; back goes back."""
    async with visit() as (running, tab, _):
        await tab.size(1440, 900)
        await tab.open(f"{running.url}/dashboard/explore")
        choose = "document.querySelector('select[name=then]')"
        await tab.run(f"{choose}.value = 'tier'; {choose}.dispatchEvent(new Event('change', {{bubbles: true}}))")
        await tab.until("location.search.includes('then=tier') && document.querySelector('td.heat a')")
        await tab.run("[...document.querySelectorAll('.segments a')].find((a) => a.text.includes('24 hours')).click()")
        await tab.until("location.search.includes('period=24h') && location.search.includes('then=tier')")
        await tab.until("document.querySelector('td.heat a')")
        await tab.run("document.querySelector('td.heat a').click()")
        await tab.until("location.pathname.endsWith('/requests') && document.querySelectorAll('tbody tr').length > 0")
        teams = await tab.run(
            "[...new Set([...document.querySelectorAll('tbody td:nth-child(3)')].map((c) => c.textContent))]"
        )
        assert len(teams) == 1
        await tab.run("document.querySelector('tbody th a').click()")
        await tab.until("location.pathname.endsWith('/request') && document.querySelector('.waterfall, .empty')")
        await tab.run("history.back()")
        await tab.until("location.pathname.endsWith('/requests') && document.querySelectorAll('.chip a').length === 2")
        await tab.run("document.querySelector('.chip a').click()")
        await tab.until("document.querySelectorAll('.chip').length === 1")
        at_peace(tab, running.url)


async def test_a_csv_is_downloaded(visit):
    """The link beside a chart brings a file with the figures that the page shows."""
    async with visit() as (running, tab, downloads):
        await tab.open(f"{running.url}/dashboard/overview")
        panel = "document.querySelector('#title-teams').closest('section')"
        shown = await tab.run(f"{panel}.querySelectorAll('tbody tr').length")
        async with tab.downloading() as done:
            await tab.run(f"{panel}.querySelector('a[download]').click()")
            await done()
        rows = list(csv.DictReader((downloads / "tiergate-teams.csv").read_text().splitlines()))
        assert len(rows) == shown
        assert float(rows[0]["cost_usd"]) > 0


async def test_live_figures_and_the_theme(visit):
    """Figures come by themselves and are announced; the theme is chosen by a button and kept."""
    async with visit() as (running, tab, _):
        await tab.size(1440, 900)
        await tab.open(f"{running.url}/dashboard/overview")
        await tab.until("document.querySelector('#live').dataset.state === 'on'")
        await tab.until("document.querySelector('[data-live=inflight]').textContent === '0'")
        before = await tab.run("getComputedStyle(document.body).backgroundColor")
        await tab.run("document.querySelector('.sidebar [data-action=theme]').click()")
        after = await tab.run("getComputedStyle(document.body).backgroundColor")
        assert before != after
        await tab.open(f"{running.url}/dashboard/cache")
        assert await tab.run("getComputedStyle(document.body).backgroundColor") == after
        at_peace(tab, running.url)


async def test_another_threshold_is_tried(visit):
    """The routing page brings the what-if by itself, and a value typed there is decided again."""
    async with visit() as (running, tab, _):
        await tab.size(1440, 900)
        await tab.open(f"{running.url}/dashboard/routing")
        await tab.until("document.querySelector('#title-compared')")
        await tab.until(DRAWN)
        await tab.run("document.querySelector('input[name=to_value]').value = '0.5'")
        await tab.run("document.querySelector('#what-if form button').click()")
        await tab.until("document.querySelector('#what-if th:nth-child(3)').textContent.includes('0.5')")
        await tab.until(DRAWN)
        assert await tab.run("location.pathname.endsWith('/routing')")
        at_peace(tab, running.url)


async def test_a_keyboard_is_enough(visit):
    """The first Tab reaches the skip link, Enter goes to the figures; on a phone Escape closes the menu."""
    async with visit(days=2) as (running, tab, _):
        await tab.size(1440, 900)
        await tab.open(f"{running.url}/dashboard/overview")
        await tab.press("Tab")
        assert await tab.run("document.activeElement.className") == "skip"
        await tab.press("Enter")
        await tab.until("location.hash === '#page' && document.activeElement.id === 'page'")
        await tab.size(390, 844)
        await tab.open(f"{running.url}/dashboard/overview")
        await tab.run("document.querySelector('#menu-button').focus()")
        await tab.press("Enter")
        await tab.until("document.querySelector('#menu-button').getAttribute('aria-expanded') === 'true'")
        await tab.press("Escape")
        await tab.until("document.querySelector('#menu-button').getAttribute('aria-expanded') === 'false'")
        at_peace(tab, running.url)


async def test_contrast_is_enough(visit):
    """Every text that is seen has at least 4.5:1 against what is behind it, in both schemes (WCAG AA)."""
    async with visit(days=3) as (running, tab, _):
        for dark in (False, True):
            await tab.size(1440, 900, dark=dark)
            for page in ("overview", "routing", "budgets", "requests", "alerts"):
                await tab.open(f"{running.url}/dashboard/{page}")
                assert await tab.run(CONTRAST) == [], (page, dark)


CONTRAST = """(() => {
  const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = getComputedStyle(at).backgroundColor;
      if (found.startsWith("rgb") && (numbers(found)[3] ?? 1) === 1) return numbers(found);
    }
    return [255, 255, 255];
  };
  const bad = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("svg, .sr, .skip, canvas")) continue;
    const [one, two] = [luminance(numbers(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) bad.add(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
  }
  return [...bad];
})()"""
