#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What action=query says about a page."""
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote

from . import siteinfo
from .clock import timestamp
from .lists import page_item, refer
from .pages import Page, Revision, namespace


if TYPE_CHECKING:
    from .lists import Module


@dataclass
class Entry:

    """A title that was asked for, and what is said about it."""

    title: str
    page: Page | None
    revisions: list[Revision] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def head(self) -> dict[str, Any]:
        """What is said about every page."""
        head = {'ns': namespace(self.title), 'title': self.title}
        if self.page:
            return {'pageid': self.page.id, **head}
        missing = {'special': True} if head['ns'] < 0 else {'missing': True}
        return {**head, **missing}


def _info(module: Module, entry: Entry) -> dict[str, Any]:
    data: dict[str, Any] = {
        'contentmodel': 'wikitext', 'pagelanguage': 'en',
        'pagelanguagehtmlcode': 'en', 'pagelanguagedir': 'ltr'}
    if entry.page:
        last = entry.page.revisions[-1]
        data.update(touched=timestamp(last.time), lastrevid=last.id,
                    length=len(last.text.encode()),
                    redirect=entry.page.redirect is not None,
                    new=not last.parent)
    if 'protection' in module.many('prop'):
        data.update(protection=[], restrictiontypes=[
            'edit', 'move'] if entry.page else ['create'])
    if 'url' in module.many('prop'):
        url = f'{module.wiki.url}/index.php/' \
              + quote(entry.title.replace(' ', '_'), safe=':/')
        data.update(fullurl=url, editurl=f'{url}?action=edit',
                    canonicalurl=url)
    return data


def _revisions(module: Module, entry: Entry) -> dict[str, Any]:
    if entry.page is None:
        return {}
    if entry.revisions:
        revisions = entry.revisions
    elif any(module.get(name) is not None for name in
             ('limit', 'dir', 'start', 'end', 'startid', 'endid', 'user')):
        revisions = _history(module, entry.page)
    else:
        revisions = [entry.page.revisions[-1]]
    return {'revisions': [_revision(module, revision)
                          for revision in revisions]}


def _history(module: Module, page: Page) -> list[Revision]:
    newer = module.get('dir') == 'newer'
    revisions = page.revisions[::1 if newer else -1]
    start, end = (int(module.get(name) or 0) for name in ('startid', 'endid'))
    if newer:
        start, end = end, start
    user = module.get('user')
    revisions = [revision for revision in revisions
                 if (not start or revision.id <= start)
                 and revision.id >= end
                 and user in (None, revision.user)]
    return revisions[:module.call.limit('rvlimit', 10)]


def _revision(module: Module, revision: Revision) -> dict[str, Any]:
    key = 'content' if module.call.fv2 else '*'
    fields: dict[str, dict[str, Any]] = {
        'ids': {'revid': revision.id, 'parentid': revision.parent},
        'flags': {'minor': revision.minor},
        'user': {'user': revision.user, 'anon': not revision.userid},
        'userid': {'userid': revision.userid},
        'timestamp': {'timestamp': timestamp(revision.time)},
        'size': {'size': len(revision.text.encode())},
        'sha1': {'sha1': hashlib.sha1(revision.text.encode()).hexdigest()},
        'roles': {'roles': ['main']},
        'comment': {'comment': revision.summary},
        'parsedcomment': {'parsedcomment': revision.summary},
        'tags': {'tags': list(revision.tags)},
    }
    wanted = module.many('prop', 'ids|timestamp|flags|comment|user')
    data: dict[str, Any] = {}
    for name in fields:
        if name in wanted:
            data.update(fields[name])
    content: dict[str, Any] = {}
    if 'contentmodel' in wanted or 'content' in wanted:
        content['contentmodel'] = 'wikitext'
    if 'content' in wanted:
        content.update({'contentformat': 'text/x-wiki', key: revision.text})
    if module.get('slots') is not None:
        data['slots'] = {'main': content}
    else:
        data.update(content)
    return data


def _titles(name: str, of: Callable[[Page], list[str]],
            ) -> Callable[[Module, Entry], dict[str, Any]]:
    """Return a property that is a list of titles."""
    def prop(module: Module, entry: Entry) -> dict[str, Any]:
        wanted = module.namespaces()
        items = [page_item(title) for title in
                 (of(entry.page) if entry.page else [])
                 if namespace(title) in wanted]
        return {name: items} if items else {}
    return prop


def _referring(name: str, of: Callable[[Page], list[str]],
               ) -> Callable[[Module, Entry], dict[str, Any]]:
    """Return a property that is a list of pages that refer to a page."""
    def prop(module: Module, entry: Entry) -> dict[str, Any]:
        items = refer(module, entry.title, of)
        return {name: items} if items else {}
    return prop


def _redirect_target(page: Page) -> list[str]:
    return [page.redirect] if page.redirect else []


def _categoryinfo(module: Module, entry: Entry) -> dict[str, Any]:
    members = refer(module, entry.title, lambda page: page.categories)
    if namespace(entry.title) != 14 or not members:
        return {}
    cats = sum(member['ns'] == 14 for member in members)
    return {'categoryinfo': {'size': len(members), 'files': 0,
                             'pages': len(members) - cats, 'subcats': cats,
                             'hidden': False}}


def _nothing(_module: Module, _entry: Entry) -> dict[str, Any]:
    return {}


PROPS: dict[str, Callable[[Module, Entry], dict[str, Any]]] = {
    **dict.fromkeys(siteinfo.PROP, _nothing),
    'info': _info,
    'revisions': _revisions,
    'categories': _titles('categories', lambda page: page.categories),
    'links': _titles('links', lambda page: page.links),
    'templates': _titles('templates', lambda page: page.templates),
    'linkshere': _referring('linkshere', lambda page: page.links),
    'transcludedin': _referring('transcludedin',
                                lambda page: page.templates),
    'redirects': _referring('redirects', _redirect_target),
    'categoryinfo': _categoryinfo,
}
