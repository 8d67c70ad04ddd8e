"""The pictures of docs/dashboard.md: `python -m tests.browser` writes them to docs/images/."""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from tests.browser.chromium import Tab, browser
from tests.browser.fleet import CONFIG
from tests.browser.history import write
from tests.router.gateway import Running, gateway

ROOT = Path(__file__).parents[2]
_QUALITY = 82
# Name: address, width, height, dark, whether the whole page or one screen.
SHOTS = {
    "overview": ("overview", 1440, 900, False, True),
    "overview-dark": ("overview", 1440, 900, True, True),
    "overview-phone": ("overview", 390, 844, False, False),
    "explore": ("explore?by=team&then=tier", 1440, 900, False, True),
    "routing": ("routing", 1440, 900, False, True),
    "gpus-dark": ("gpus", 1440, 900, True, True),
    "budgets": ("budgets", 1440, 900, False, False),
    "alerts-dark": ("alerts", 1440, 900, True, False),
    "request": ("request?id={request}", 1440, 900, False, True),
}
_DRAWN = "[...document.querySelectorAll('figure.chart')].every((f) => f.dataset.drawn)"


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    arguments.add_argument("--per-day", type=int, default=600, help="requests of a made-up weekday")
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "ledger.db", now_s=time.time(), days=40, per_day=chosen.per_day)
        async with gateway(folder, config=CONFIG) as running, browser(folder / "profile") as tab:
            await running.services.alerts.look()
            await taken(running, tab, chosen.out)


async def taken(running: Running, tab: Tab, out: Path) -> None:
    rows = (await running.get("/admin/api/requests/list?decision=cascade&limit=400")).json["rows"]
    escalated = next(row["request_id"] for row in rows if row["attempts"] > 1)
    for name, (address, width, height, dark, whole) in SHOTS.items():
        await tab.size(width, height, dark=dark)
        await tab.open(f"{running.url}/dashboard/{address.format(request=escalated)}")
        await tab.until(_DRAWN)
        if address == "routing":
            await tab.until(f"document.querySelector('#title-curve') && {_DRAWN}")
        if address == "overview":
            await tab.until(f"document.querySelector('#title-whole') && {_DRAWN}")
            await tab.until("document.querySelector('[data-live=lag]').textContent.includes('ms')")
        await tab.shot(out / f"{name}.webp", whole=whole, form="webp", quality=_QUALITY)
        print(f"{out / name}.webp")  # noqa: T201 - a command


if __name__ == "__main__":
    asyncio.run(main())
