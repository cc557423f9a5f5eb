"""The pages of the wiki, and who changed them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .data import DATA


NAMESPACES = dict(enumerate(DATA['namespaces'], -2))
NUMBERS = {name.lower(): number for number, name in NAMESPACES.items()}


class Edit(NamedTuple):
    """A change of a page, as a test wants to know it."""

    user: str
    title: str
    text: str
    summary: str
    tags: tuple[str, ...]


class Revision(NamedTuple):
    """One version of a page."""

    id: int
    parent: int
    user: str
    text: str
    summary: str
    tags: tuple[str, ...]
    time: float


@dataclass(eq=False)
class Page:
    """A page and its versions, the oldest first."""

    id: int
    title: str
    revisions: list[Revision] = field(default_factory=list)

    @property
    def text(self):
        return self.revisions[-1].text

    @property
    def is_redirect(self):
        return self.text.lower().startswith('#redirect')


def namespace(title):
    """Return the number of the namespace that *title* is in."""
    prefix, colon, _ = title.partition(':')
    return NUMBERS.get(prefix.lower(), 0) if colon else 0


def normal_title(title):
    """Return *title* as MediaWiki writes it."""
    title = ' '.join(title.replace('_', ' ').split()).lstrip(':')
    number = namespace(title)
    if number:
        rest = title.partition(':')[2].strip()
        return f'{NAMESPACES[number]}:{rest[:1].upper()}{rest[1:]}'
    return title[:1].upper() + title[1:]


class Pages:
    """The current text of every page by its title."""

    def __init__(self):
        self._pages = {}
        self._last_revision = 0

    def __getitem__(self, title):
        return self._pages[normal_title(title)].text

    def page(self, title):
        return self._pages.get(normal_title(title))

    def save(self, edit, time):
        user, title, *rest = edit
        title, number = normal_title(title), len(self._pages) + 1
        page = self._pages.setdefault(title, Page(number, title))
        parent = page.revisions[-1].id if page.revisions else 0
        self._last_revision += 1
        revision = Revision(self._last_revision, parent, user, *rest, time)
        page.revisions.append(revision)
        return page
