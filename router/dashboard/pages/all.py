"""All pages, in the order of the menu."""

from router.dashboard.ask import Page
from router.dashboard.pages import overview

PAGES: tuple[Page, ...] = (overview.PAGE,)
