"""The pages of the wiki, and who changed them."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(eq=False)
class Page:
    """A page and its last revision, made by *edit* at *time*."""

    id: int
    title: str
    edit: Edit | None = None
    time: float = 0
    revision: int = 0
    parent: int = 0

    @property
    def text(self):
        return self.edit.text


def namespace(title):
    prefix, colon, _ = title.partition(':')
    return NUMBERS.get(prefix.lower(), 0) if colon else 0


def normal_title(title):
    """Return *title* as MediaWiki writes it."""
    title = ' '.join(title.replace('_', ' ').split()).lstrip(':')
    number, start = namespace(title), ''
    if number:
        start, title = f'{NAMESPACES[number]}:', title.partition(':')[2]
    title = title.strip()
    return f'{start}{title[:1].upper()}{title[1:]}'


class Pages:
    """The current text of every page by its title."""

    def __init__(self):
        self._pages = {}
        self._last_revision = 0

    def __getitem__(self, title):
        return self.page(title).text

    def page(self, title):
        return self._pages.get(normal_title(title))

    def save(self, edit, time):
        title, number = normal_title(edit.title), len(self._pages) + 1
        page = self._pages.setdefault(title, Page(number, title))
        self._last_revision += 1
        page.parent, page.revision = page.revision, self._last_revision
        page.edit, page.time = edit, time
        return page
