"""What is told in several answers: a list page by page, a run until it rests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar


class _Asked(Protocol):
    page_token: str


class _Page(Protocol):
    @property
    def next_page_token(self) -> str: ...


class _Resting(Protocol):
    @property
    def at_rest(self) -> bool: ...


P = TypeVar("P", bound=_Page)
R = TypeVar("R", bound=_Resting)


async def pages(request: _Asked, ask: Callable[[], Awaitable[P]]) -> AsyncIterator[P]:
    """The pages of a list: `ask` sends `request`, in which the token moves on from page to page."""
    while True:
        page = await ask()
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def until_rest(
    look: Callable[[], Awaitable[R]], on_progress: Callable[[R], None] | None, poll_seconds: float
) -> R:
    """Look again and again until nothing more happens by itself; `on_progress` gets what is seen at every look."""
    while True:
        found = await look()
        if on_progress is not None:
            on_progress(found)
        if found.at_rest:
            return found
        await asyncio.sleep(poll_seconds)
