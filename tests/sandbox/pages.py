"""The pages of the wiki, and who changed them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

NAMESPACES = dict(
    enumerate(
        (
            'Media|Special||Talk|User|User talk|SandboxWiki|SandboxWiki talk|'
            'File|File talk|MediaWiki|MediaWiki talk|Template|Template talk|'
            'Help|Help talk|Category|Category talk'
        ).split('|'),
        -2,
    )
)
_NUMBERS = {name.lower(): number for number, name in NAMESPACES.items()}


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
    userid: int
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
    def text(self) -> str:
        """The current text."""
        return self.revisions[-1].text

    @property
    def is_redirect(self) -> bool:
        """Whether the page redirects to another one."""
        return bool(re.match(r'#REDIRECT\s*\[\[', self.text, re.I))


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
        self._last_revision = 0

    def __getitem__(self, title: str) -> str:
        return self._pages[normal_title(title)].text

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._pages))

    def __len__(self) -> int:
        return len(self._pages)

    def page(self, title: str) -> Page | None:
        """Return the page of that title."""
        return self._pages.get(normal_title(title))

    def all(self) -> list[Page]:
        """Return all pages by title."""
        return [self._pages[title] for title in sorted(self._pages)]

    def save(
        self,
        title: str,
        text: str,
        time: float,
        *,
        user: str,
        userid: int = 0,
        summary: str = '',
        tags: tuple[str, ...] = (),
    ) -> Page:
        """Add a version to a page, which is created if need be."""
        title = normal_title(title)
        page = self._pages.setdefault(title, Page(len(self._pages) + 1, title))
        parent = page.revisions[-1].id if page.revisions else 0
        self._last_revision += 1
        page.revisions.append(
            Revision(
                self._last_revision,
                parent,
                user,
                userid,
                text,
                summary,
                tags,
                time,
            )
        )
        return page
