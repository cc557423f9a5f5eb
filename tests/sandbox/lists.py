#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The lists of action=query, which are its generators too."""
from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Callable

from .accounts import GROUP_RIGHTS, User
from .clock import timestamp
from .pages import NAMESPACES, Page, Revision, namespace, normal_title


if TYPE_CHECKING:
    from .api import Call


class Module:

    """The parameters of one submodule, named without its prefix."""

    def __init__(self, call: Call, name: str, prefix: str) -> None:
        self.call = call
        self.wiki = call.wiki
        self.name = name
        self.prefix = prefix

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return a parameter."""
        return self.call.get(self.prefix + name, default)

    def many(self, name: str, default: str = '') -> list[str]:
        """Return the values of a parameter that takes several."""
        return self.call.many(self.prefix + name, default)

    def namespaces(self, default: str = '') -> set[int]:
        """Return the wanted namespaces; all if none is named."""
        wanted = self.many('namespace', default)
        if not wanted or '*' in wanted:
            return set(NAMESPACES)
        return {int(number) for number in wanted}

    def cut(self, items: list[Any], proceed: dict[str, str]) -> list[Any]:
        """Return one batch of *items*; note in *proceed* how to go on."""
        key = 'offset' if 'search' in self.name else 'continue'
        offset = int(self.get(key) or 0)
        end = offset + self.call.limit(self.prefix + 'limit', 10)
        if end < len(items) and self.name != 'random':
            proceed[self.prefix + key] = str(end)
            proceed['continue'] = '-||'
        return items[offset:end]


def refer(module: Module, title: str,
           of: Callable[[Page], list[str]]) -> list[dict[str, Any]]:
    wanted = module.namespaces()
    return [page_item(page.title, page) for page in module.wiki.pages.all()
            if title in of(page) and namespace(page.title) in wanted]


def page_item(title: str, page: Page | None = None) -> dict[str, Any]:
    item = {'ns': namespace(title), 'title': title}
    return {'pageid': page.id, **item} if page else item


def blockinfo() -> dict[str, Any]:
    """Return what is said about a block."""
    return {'blockid': 1, 'blockedby': 'Admin', 'blockedbyid': 1,
            'blockreason': 'Testing', 'blockexpiry': 'infinity',
            'blockedtimestamp': '2026-11-23T16:39:00Z'}


def _allpages(module: Module) -> list[dict[str, Any]]:
    wanted = module.namespaces('0')
    prefix = NAMESPACES[min(wanted)] + ':' if min(wanted) else ''
    start, end, beginning = (
        (module.get(name) or '').replace('_', ' ')
        for name in ('from', 'to', 'prefix'))
    redirects = module.get('filterredir', 'all')
    items = []
    for page in module.wiki.pages.all():
        title = page.title[len(prefix):]
        if namespace(page.title) not in wanted \
           or title < start or (end and title > end) \
           or not title.startswith(beginning) \
           or (redirects == 'redirects' and not page.redirect) \
           or (redirects == 'nonredirects' and page.redirect):
            continue
        items.append(page_item(page.title, page))
    return items[::-1] if module.get('dir') == 'descending' else items


def _prefixsearch(module: Module) -> list[dict[str, Any]]:
    start = normal_title(module.get('search') or '')
    return [page_item(page.title, page) for page in module.wiki.pages.all()
            if page.title.startswith(start)]


def _search(module: Module) -> list[dict[str, Any]]:
    wanted = module.namespaces('0')
    words = (module.get('search') or '').lower().split()
    items = []
    for page in module.wiki.pages.all():
        text = page.title if module.get('what') == 'title' \
            else f'{page.title}\n{page.text}'
        if namespace(page.title) in wanted \
           and all(word in text.lower() for word in words):
            items.append({**page_item(page.title), 'pageid': page.id,
                          'size': len(page.text.encode()), 'snippet': '',
                          'wordcount': len(page.text.split()), 'timestamp':
                          timestamp(page.revisions[-1].time)})
    return items


def _categorymembers(module: Module) -> list[dict[str, Any]]:
    title = normal_title(module.get('title') or '')
    kinds = module.many('type', 'page|subcat|file')
    return [item for item in refer(module, title,
                                    lambda page: page.categories)
            if {14: 'subcat', 6: 'file'}.get(item['ns'], 'page') in kinds]


def _allcategories(module: Module) -> list[dict[str, Any]]:
    names = {title.partition(':')[2]
             for page in module.wiki.pages.all() for title in page.categories}
    return [{'category' if module.call.fv2 else '*': name, 'category': name}
            for name in sorted(names) if name >= (module.get('from') or '')]


def _querypage(module: Module) -> list[dict[str, Any]]:
    wiki = module.wiki

    def target(page: Page) -> Page | None:
        return wiki.pages.page(page.redirect) if page.redirect else None

    tests: dict[str, Callable[[Page], object]] = {
        'BrokenRedirects': lambda page: page.redirect and not target(page),
        'DoubleRedirects': lambda page: target(page)
        and target(page).redirect,
        'Listredirects': lambda page: page.redirect,
        'Uncategorizedpages': lambda page: not page.categories,
        'Deadendpages': lambda page: not page.links,
    }
    test = tests.get(module.get('page') or '', bool)
    return [{'value': len(page.text), **page_item(page.title)}
            for page in wiki.pages.all() if test(page)]


def _random(module: Module) -> list[dict[str, Any]]:
    wanted = module.namespaces()
    items = [{'id': page.id, **page_item(page.title)}
             for page in module.wiki.pages.all()
             if namespace(page.title) in wanted]
    random.shuffle(items)
    return items


def _changes(module: Module) -> list[tuple[Page, Revision]]:
    """Return all edits of the wanted users and namespaces, newest first."""
    wanted, users = module.namespaces(), module.many('user')
    changes = [(page, revision)
               for page, revision in module.wiki.pages.revisions
               if namespace(page.title) in wanted
               and (not users or revision.user in users)]
    return changes[::1 if module.get('dir') == 'newer' else -1]


def _change(page: Page, revision: Revision) -> dict[str, Any]:
    return {
        'ns': namespace(page.title), 'title': page.title,
        'pageid': page.id, 'revid': revision.id, 'user': revision.user,
        'userid': revision.userid, 'anon': not revision.userid,
        'new': not revision.parent, 'minor': revision.minor,
        'timestamp': timestamp(revision.time), 'comment': revision.summary,
        'tags': list(revision.tags)}


def _recentchanges(module: Module) -> list[dict[str, Any]]:
    excluded = module.get('excludeuser')
    shown = module.many('show')
    return [{'type': 'edit' if revision.parent else 'new',
             'rcid': revision.id, **_change(page, revision),
             'old_revid': revision.parent, 'bot': revision.bot,
             'oldlen': 0, 'newlen': len(revision.text.encode())}
            for page, revision in _changes(module)
            if revision.user != excluded
            and ('!bot' not in shown or not revision.bot)
            and ('bot' not in shown or revision.bot)]


def _usercontribs(module: Module) -> list[dict[str, Any]]:
    return [{**_change(page, revision), 'parentid': revision.parent,
             'size': len(revision.text.encode()),
             'top': page.revisions[-1] is revision}
            for page, revision in _changes(module)]


def _logevents(module: Module) -> list[dict[str, Any]]:
    kind, title, user = (module.get(name)
                         for name in ('type', 'title', 'user'))
    return [event for event in reversed(module.wiki.pages.log)
            if kind in (None, event['type'])
            and title in (None, event['title'])
            and user in (None, event['user'])]


def _user(user: User) -> dict[str, Any]:
    rights = dict.fromkeys(right for group in user.all_groups
                           for right in GROUP_RIGHTS.get(group, ()))
    data = {'userid': user.id, 'name': user.name,
            'editcount': user.editcount, 'groups': user.all_groups,
            'rights': list(rights), 'gender': 'unknown', 'emailable': True,
            'registration': timestamp(user.registered)}
    return {**data, **blockinfo()} if user.blocked else data


def _users(module: Module) -> list[dict[str, Any]]:
    known = module.wiki.accounts.users
    return [_user(known[name]) if name in known
            else {'name': name, 'missing': True}
            for name in map(normal_title, module.many('users'))]


def _allusers(module: Module) -> list[dict[str, Any]]:
    groups = set(module.many('group'))
    return [_user(user) for name, user in
            sorted(module.wiki.accounts.users.items())
            if name >= (module.get('from') or '')
            and name.startswith(module.get('prefix') or '')
            and (not groups or groups & set(user.groups))]


def _blocks(module: Module) -> list[dict[str, Any]]:
    return [{'id': user.id, 'user': user.name, 'by': 'Admin',
             'timestamp': timestamp(user.registered), 'expiry': 'infinity',
             'reason': ''}
            for user in module.wiki.accounts.users.values() if user.blocked]


def _to_title(of: Callable[[Page], list[str]],
              ) -> Callable[[Module], list[dict[str, Any]]]:
    """Return a list of the pages that refer to the parameter title."""
    def items(module: Module) -> list[dict[str, Any]]:
        redirects = module.get('filterredir', 'all')
        found = refer(module, normal_title(module.get('title') or ''), of)
        return [item for item in found if redirects == 'all'
                or (redirects == 'redirects') == bool(
                    module.wiki.pages.page(item['title']).redirect)]
    return items


LISTS: dict[str, Callable[[Module], list[dict[str, Any]]]] = {
    'allcategories': _allcategories,
    'allpages': _allpages,
    'allusers': _allusers,
    'backlinks': _to_title(lambda page: page.links),
    'blocks': _blocks,
    'categorymembers': _categorymembers,
    'embeddedin': _to_title(lambda page: page.templates),
    'imageusage': _to_title(lambda page: page.all_links),
    'logevents': _logevents,
    'prefixsearch': _prefixsearch,
    'querypage': _querypage,
    'random': _random,
    'recentchanges': _recentchanges,
    'search': _search,
    'usercontribs': _usercontribs,
    'users': _users,
}
