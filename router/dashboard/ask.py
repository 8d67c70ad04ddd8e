"""What a page is made from: who asks, what for, and where the figures are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from router.dashboard.books import Books
from router.dashboard.dataset import Dataset
from router.dashboard.state import State
from router.dashboard.viewer import Viewer
from router.services import Services
from router.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Ask:
    """now: Unix seconds; the same for everything on one page."""

    services: Services
    snapshot: Snapshot
    viewer: Viewer
    state: State
    books: Books
    now: float

    @property
    def filters(self) -> Mapping[str, str]:
        return self.state.filters


Maker = Callable[[Ask], Dataset]


@dataclass(frozen=True, slots=True)
class Page:
    """path: under /dashboard, and the name of its template. context: what its template needs besides the datasets.

    datasets: each is a table of the JSON API and a CSV file. for_all: its figures are no single team's.
    """

    path: str
    title: str
    icon: str
    lead: str
    datasets: Mapping[str, Maker]
    context: Callable[[Ask], dict[str, Any]] = lambda _: {}
    for_all: bool = False
    periods: bool = True
    group: str = ""
