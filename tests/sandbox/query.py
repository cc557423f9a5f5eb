#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""action=query: finds pages, describes them, and says who is asking."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from . import siteinfo
from .accounts import Caller
from .clock import timestamp
from .dialog import session_cookie
from .lists import LISTS, Module, blockinfo
from .pages import NAMESPACES, normal_title
from .properties import PROPS, Entry


if TYPE_CHECKING:
    from .api import Call


def run(call: Call) -> dict[str, Any]:
    """Return the result of action=query."""
    proceed: dict[str, str] = {}
    result: dict[str, Any] = {}
    for name in call.known('meta', METAS):
        result[name] = METAS[name](call)
    result.update(result.pop('siteinfo', {}))
    for name in call.known('list', LISTS):
        prefix, limited = siteinfo.LIST[name][:2]
        module = Module(call, name, prefix)
        items = LISTS[name](module)
        result[name] = module.cut(items, proceed) if limited else items
        if name == 'search':
            result['searchinfo'] = {'totalhits': len(items)}
    info, entries = select_pages(call)
    if call.flag('generator'):
        entries = _generate(call, entries, proceed)
    _describe(call, entries)
    result.update(info)
    if entries:
        result.update(_pages(call, entries))
    output: dict[str, Any] = {'batchcomplete': True}
    if proceed:
        output['continue'] = proceed
    if result:
        output['query'] = result
    return output


def select_pages(call: Call) -> tuple[dict[str, Any], list[Entry]]:
    """Return the pages that are asked for, and how titles were changed."""
    pages = call.wiki.pages
    info: dict[str, Any] = {}
    entries: dict[str, Entry] = {}
    for title in call.many('titles'):
        normal = normal_title(title)
        if normal != title:
            info.setdefault('normalized', []).append(
                {'fromencoded': False, 'from': title, 'to': normal})
        page = pages.page(normal)
        if page and page.redirect and call.flag('redirects'):
            info.setdefault('redirects', []).append(
                {'from': normal, 'to': page.redirect})
            normal, page = page.redirect, pages.page(page.redirect)
        entries.setdefault(normal, Entry(normal, page))
    for number in call.many('pageids'):
        page = pages.by_id(int(number))
        if page:
            entries.setdefault(page.title, Entry(page.title, page))
    for number in call.many('revids'):
        if 0 < int(number) <= len(pages.revisions):
            page, revision = pages.revisions[int(number) - 1]
            entry = entries.setdefault(page.title, Entry(page.title, page))
            entry.revisions.append(revision)
    return info, list(entries.values())


def _generate(call: Call, entries: list[Entry],
              proceed: dict[str, str]) -> list[Entry]:
    """Return the pages that the generator finds."""
    name = call.get('generator')
    if name in LISTS:
        module = Module(call, name, 'g' + siteinfo.LIST[name][0])
        titles = [item['title'] if 'title' in item
                  else f'Category:{item["category"]}'
                  for item in LISTS[name](module)]
    elif name in siteinfo.PROP:
        module = Module(call, name, 'g' + siteinfo.PROP[name][0])
        titles = [item['title'] for entry in entries
                  for item in PROPS[name](module, entry).get(name, ())]
    else:
        return []
    titles = module.cut(list(dict.fromkeys(titles)), proceed)
    return [Entry(title, call.wiki.pages.page(title)) for title in titles]


def _describe(call: Call, entries: list[Entry]) -> None:
    """Add the properties that are asked for."""
    for name in call.known('prop', PROPS):
        module = Module(call, name, siteinfo.PROP[name][0])
        for entry in entries:
            entry.data.update(PROPS[name](module, entry))


def _pages(call: Call, entries: list[Entry]) -> dict[str, Any]:
    """Return the pages as the format version has them."""
    result: dict[str, Any] = {}
    ids: dict[str, dict[str, Any]] = {}
    missing = 0
    for entry in entries:
        if entry.page is None:
            missing -= 1
        key = str(entry.page.id if entry.page else missing)
        ids[key] = {**entry.head, **entry.data}
    if call.flag('indexpageids'):
        result['pageids'] = list(ids)
    result['pages'] = list(ids.values()) if call.fv2 else ids
    return result


def _userinfo(call: Call) -> dict[str, Any]:
    user = call.caller.user
    data: dict[str, Any] = {'id': user.id if user else 0,
                            'name': call.caller.name}
    if user is None:
        data['anon'] = True
    groups = user.all_groups if user else ['*']
    for prop in call.many('uiprop'):
        if prop == 'blockinfo':
            data.update(blockinfo() if user and user.blocked else {})
        elif prop == 'hasmsg':
            data['messages'] = False
        elif prop == 'groups':
            data['groups'] = groups
        elif prop == 'rights':
            data['rights'] = call.caller.rights
        elif prop == 'ratelimits':
            data['ratelimits'] = {}
        elif prop == 'editcount':
            data['editcount'] = user.editcount if user else 0
        elif prop == 'registrationdate' and user:
            data['registrationdate'] = timestamp(user.registered)
        elif prop == 'options':
            data['options'] = {f'searchNs{number}': int(number == 0)
                               for number in NAMESPACES if number >= 0}
    return data


def _tokens(call: Call) -> dict[str, str]:
    kinds = call.many('type', 'csrf')
    if 'login' in kinds and call.request.bearer is None \
       and call.wiki.session_of(call.request) is None:
        # A login token needs a session, which needs a cookie.
        cookie = call.wiki.accounts.start(None)
        call.caller = Caller(call.wiki.accounts.session(cookie))
        call.set_cookie(session_cookie(cookie))
    return {f'{kind}token': call.caller.token(kind)
            for kind in kinds if kind in siteinfo.TOKEN_TYPES}


def _allmessages(call: Call) -> list[dict[str, Any]]:
    messages = {'and': ' and', 'comma-separator': ', ',
                'semicolon-separator': '; ', 'word-separator': ' '}
    return [{'name': name, 'normalizedname': name,
             **({'content' if call.fv2 else '*': messages[name]}
                if name in messages else {'missing': True})}
            for name in call.many('ammessages')]


METAS: dict[str, Callable[[Call], Any]] = {
    'allmessages': _allmessages,
    'siteinfo': siteinfo.siteinfo,
    'tokens': _tokens,
    'userinfo': _userinfo,
}
