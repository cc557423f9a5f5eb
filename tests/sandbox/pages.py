#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The pages of the wiki, and who changed them."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


NAMESPACES = {
    -2: 'Media', -1: 'Special', 0: '', 1: 'Talk', 2: 'User',
    3: 'User talk', 4: 'SandboxWiki', 5: 'SandboxWiki talk', 6: 'File',
    7: 'File talk', 8: 'MediaWiki', 9: 'MediaWiki talk', 10: 'Template',
    11: 'Template talk', 12: 'Help', 13: 'Help talk', 14: 'Category',
    15: 'Category talk',
}
ALIASES = {'image': 6, 'image talk': 7, 'project': 4, 'project talk': 5}
_NUMBERS = {**{name.lower(): number for number, name in NAMESPACES.items()
               if name}, **ALIASES}


class Edit(NamedTuple):

    """A change of a page, as a test wants to know it."""

    user: str
    title: str
    text: str
    summary: str
    tags: tuple[str, ...]


@dataclass(eq=False)
class Revision:

    """One version of a page."""

    id: int
    parent: int
    user: str
    userid: int
    text: str
    summary: str
    tags: tuple[str, ...]
    time: float
    minor: bool
    bot: bool


@dataclass(eq=False)
class Page:

    """A page and its versions, the oldest first."""

    id: int
    title: str
    revisions: list[Revision] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The current text."""
        return self.revisions[-1].text

    @property
    def redirect(self) -> str | None:
        """The title that the page redirects to."""
        match = re.match(r'#REDIRECT\s*\[\[([^]|#]+)', self.text, re.I)
        return normal_title(match[1]) if match else None

    @property
    def categories(self) -> list[str]:
        """The categories the page is in."""
        return [title for title in self.all_links
                if namespace(title) == 14]

    @property
    def links(self) -> list[str]:
        """The pages that the page links to."""
        return [title for title in self.all_links
                if namespace(title) not in (6, 14)]

    @property
    def all_links(self) -> list[str]:
        """The titles between square brackets."""
        return sorted({normal_title(title) for title
                       in re.findall(r'\[\[:?([^]|#<>[]+)', self.text)})

    @property
    def templates(self) -> list[str]:
        """The templates that the page transcludes."""
        names = re.findall(r'\{\{([^}|#{<>[]+)', self.text)
        return sorted({normal_title(name if ':' in name
                                    else 'Template:' + name)
                       for name in names})


def namespace(title: str) -> int:
    """Return the number of the namespace that *title* is in."""
    prefix, colon, _ = title.partition(':')
    return _NUMBERS.get(prefix.lower(), 0) if colon else 0


def normal_title(title: str) -> str:
    """Return *title* as MediaWiki writes it."""
    title = ' '.join(title.replace('_', ' ').split()).lstrip(':')
    number = namespace(title)
    if number:
        rest = title.partition(':')[2].strip()
        return f'{NAMESPACES[number]}:{rest[:1].upper()}{rest[1:]}'
    return title[:1].upper() + title[1:]


class Pages(Mapping):

    """The current text of every page by its title."""

    def __init__(self) -> None:
        self._pages: dict[str, Page] = {}
        self._by_id: dict[int, Page] = {}
        self.revisions: list[tuple[Page, Revision]] = []
        self.log: list[dict[str, object]] = []

    def __getitem__(self, title: str) -> str:
        return self._pages[normal_title(title)].text

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._pages))

    def __len__(self) -> int:
        return len(self._pages)

    def page(self, title: str) -> Page | None:
        """Return the page of that title."""
        return self._pages.get(normal_title(title))

    def by_id(self, pageid: int) -> Page | None:
        """Return the page of that number."""
        return self._by_id.get(pageid)

    def all(self) -> list[Page]:
        """Return all pages by title."""
        return [self._pages[title] for title in sorted(self._pages)]

    def save(self, title: str, text: str, time: float, *, user: str,
             userid: int = 0, summary: str = '', tags: tuple[str, ...] = (),
             minor: bool = False, bot: bool = False) -> Page:
        """Add a version to a page, which is created if need be."""
        title = normal_title(title)
        page = self._pages.get(title)
        if page is None:
            page = Page(len(self._by_id) + 1, title)
            self._pages[title] = self._by_id[page.id] = page
        parent = page.revisions[-1].id if page.revisions else 0
        page.revisions.append(
            Revision(len(self.revisions) + 1, parent, user, userid, text,
                     summary, tags, time, minor, bot))
        self.revisions.append((page, page.revisions[-1]))
        return page

    def delete(self, page: Page) -> None:
        """Remove a page."""
        del self._pages[page.title]
        self._by_id[page.id] = None

    def move(self, page: Page, title: str) -> None:
        """Give a page another title."""
        del self._pages[page.title]
        page.title = title
        self._pages[title] = page
