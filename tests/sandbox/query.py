"""action=query and action=paraminfo, as far as Pywikibot needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .accounts import Session, User
from .clock import timestamp
from .dialog import session_cookie
from .pages import NAMESPACES, Page, namespace, normal_title

if TYPE_CHECKING:
    from .api import Action, Call

TOKEN_TYPES = (
    'createaccount', 'csrf', 'deleteglobalaccount', 'login', 'patrol',
    'rollback', 'userrights', 'watch',
)  # fmt: skip
# The submodules: prefix, and whether there are a limit and namespaces
MODULES = {
    'prop': {
        'categoryinfo': ('ci', False),
        'imageinfo': ('ii', True),
        'info': ('in', False),
        'pageprops': ('pp', False),
        'revisions': ('rv', True),
        'templates': ('tl', True),
    },
    'list': {'allpages': ('ap', True), 'users': ('us', False)},
    'meta': {
        'siteinfo': ('si', False),
        'tokens': ('', False),
        'userinfo': ('ui', False),
    },
}
VALUES = {'tokens': ('type', TOKEN_TYPES), 'info': ('prop', ('protection',))}
GENERATORS = ('allpages', 'templates')


def run(call: Call) -> dict[str, Any]:
    """Return the result of action=query."""
    result: dict[str, Any] = {}
    for name in call.many('meta'):
        result.update(METAS[name](call))
    for name in call.many('list'):
        result[name] = LISTS[name](call)
    titles, ids = call.many('titles'), call.many('pageids')
    if ids:
        titles = [
            page.title
            for page in call.wiki.pages.all()
            if str(page.id) in ids
        ]
    if call.get('generator') == 'allpages':
        titles = [item['title'] for item in _allpages(call, 'gap')]
    elif call.get('generator'):
        titles = []
    pages: dict[str, Any] = {}
    for title in dict.fromkeys(map(normal_title, titles)):
        page = call.wiki.pages.page(title)
        key = page.id if page else -1 - len(pages)
        pages[str(key)] = _described(call, title, page)
    if call.get('indexpageids') is not None and pages:
        result['pageids'] = list(pages)
    if pages:
        result['pages'] = list(pages.values()) if call.fv2 else pages
    if normalized := [
        {'fromencoded': False, 'from': title, 'to': normal_title(title)}
        for title in titles
        if normal_title(title) != title
    ]:
        result['normalized'] = normalized
    return {'batchcomplete': True, **({'query': result} if result else {})}


# Pages


def _described(call: Call, title: str, page: Page | None) -> dict[str, Any]:
    """Return what is asked about a page."""
    data: dict[str, Any] = {'ns': namespace(title), 'title': title}
    if page is None:
        data['missing'] = True
    else:
        data = {'pageid': page.id, **data}
    if 'info' in call.many('prop'):
        data.update(_info(call, page))
    if 'revisions' in call.many('prop') and page:
        data['revisions'] = [_revision(call, page)]
    return data


def _info(call: Call, page: Page | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        'contentmodel': 'wikitext',
        'pagelanguage': 'en',
        'pagelanguagehtmlcode': 'en',
        'pagelanguagedir': 'ltr',
    }
    if page:
        last = page.revisions[-1]
        data.update(
            touched=timestamp(last.time),
            lastrevid=last.id,
            length=len(last.text.encode()),
            redirect=page.is_redirect,
            new=not last.parent,
        )
    if 'protection' in call.many('inprop'):
        data.update(protection=[], restrictiontypes=['edit', 'move'])
    return data


def _revision(call: Call, page: Page) -> dict[str, Any]:
    revision = page.revisions[-1]
    digest = hashlib.sha1(revision.text.encode()).hexdigest()
    fields: dict[str, dict[str, Any]] = {
        'ids': {'revid': revision.id, 'parentid': revision.parent},
        'flags': {'minor': False},
        'user': {'user': revision.user, 'anon': not revision.userid},
        'userid': {'userid': revision.userid},
        'timestamp': {'timestamp': timestamp(revision.time)},
        'size': {'size': len(revision.text.encode())},
        'sha1': {'sha1': digest},
        'roles': {'roles': ['main']},
        'comment': {'comment': revision.summary},
        'parsedcomment': {'parsedcomment': revision.summary},
        'tags': {'tags': list(revision.tags)},
    }
    wanted = call.many('rvprop', 'ids|timestamp|flags|comment|user')
    data: dict[str, Any] = {}
    for name in wanted:
        data.update(fields.get(name, {}))
    content = {'contentmodel': 'wikitext'}
    if 'content' in wanted:
        key = 'content' if call.fv2 else '*'
        content.update({'contentformat': 'text/x-wiki', key: revision.text})
    if call.get('rvslots') is not None:
        data['slots'] = {'main': content}
    elif 'content' in wanted or 'contentmodel' in wanted:
        data.update(content)
    return data


def _allpages(call: Call, prefix: str = 'ap') -> list[dict[str, Any]]:
    """Return all pages of a namespace from a title on, without batches."""
    number = int(call.get(f'{prefix}namespace') or 0)
    start = (call.get(f'{prefix}from') or '').replace('_', ' ')
    return [
        {'pageid': page.id, 'ns': number, 'title': page.title}
        for page in call.wiki.pages.all()
        if namespace(page.title) == number
        and page.title.removeprefix(f'{NAMESPACES[number]}:') >= start
    ]


def _users(call: Call) -> list[dict[str, Any]]:
    known, result = call.wiki.accounts.users, []
    for name in map(normal_title, call.many('ususers')):
        user = known.get(name)
        if user is None:
            result.append({'name': name, 'missing': True})
            continue
        fields = {
            'editcount': user.editcount,
            'groups': user.all_groups,
            'rights': call.wiki.caller(Session(user)).rights,
            'registration': timestamp(user.registered),
        }
        wanted = {key: fields[key] for key in call.many('usprop')
                  if key in fields}
        result.append({'userid': user.id, 'name': user.name, **wanted})
    return result


LISTS = {'allpages': _allpages, 'users': _users}


# The caller


def blockinfo(user: User) -> dict[str, object]:
    """Return what is said about the block of a user."""
    return {
        'blockid': 1,
        'blockedby': 'Admin',
        'blockedbyid': 1,
        'blockreason': 'test',
        'blockedtimestamp': timestamp(user.blocked),
        'blockexpiry': 'infinite',
        'blockpartial': False,
        'blocknocreate': True,
        'blockanononly': False,
        'blockemail': False,
        'blockowntalk': True,
        'blockedtimestampformatted': timestamp(
            user.blocked, '%H:%M, %d %B %Y'
        ),
    }


def _userinfo(call: Call) -> dict[str, Any]:
    user, caller = call.caller.user, call.caller
    data: dict[str, Any] = {
        'id': user.id if user else 0,
        'name': caller.name,
    }
    if user is None:
        data['anon'] = True
    private = user and 'viewmyprivateinfo' in caller.rights
    fields: dict[str, dict[str, Any]] = {
        'blockinfo': blockinfo(user) if user and user.blocked else {},
        'hasmsg': {'messages': False},
        'groups': {'groups': user.all_groups if user else ['*']},
        'rights': {'rights': caller.rights},
        'ratelimits': {'ratelimits': {}},
        'editcount': {'editcount': user.editcount if user else 0},
        'options': {'options': {'language': 'en'}},
        'email': {'email': user.email if private else ''},
    }
    if private and user.email_confirmed:
        fields['email']['emailauthenticated'] = timestamp(user.registered)
    for name in call.many('uiprop'):
        data.update(fields.get(name, {}))
    return {'userinfo': data}


def _tokens(call: Call) -> dict[str, Any]:
    kinds, accounts = call.many('type', 'csrf'), call.wiki.accounts
    if (
        'login' in kinds
        and call.request.bearer is None
        and call.wiki.session_of(call.request) is None
    ):
        # A login token needs a session, which needs a cookie.
        cookie = accounts.start(None)
        call.caller = call.wiki.caller(accounts.session(cookie))
        call.cookies.append(session_cookie(cookie))
    tokens = {
        f'{kind}token': call.caller.token(kind)
        for kind in kinds
        if kind in TOKEN_TYPES
    }
    return {'tokens': tokens}


# The wiki


def _siteinfo(call: Call) -> dict[str, Any]:
    wiki, key = call.wiki, 'name' if call.fv2 else '*'
    master = wiki.is_master
    namespaces = {
        str(number): {
            'id': number,
            'case': 'first-letter',
            'subpages': number > 0,
            'content': number == 0,
            'canonical': name,
            key: name,
        }
        for number, name in NAMESPACES.items()
    }
    words = {'redirect': '#REDIRECT', 'img_thumbnail': 'thumb'}
    properties: dict[str, Any] = {
        'general': {
            'mainpage': 'Main Page',
            'base': f'{wiki.url}/index.php/Main_Page',
            'sitename': 'SandboxWiki',
            'generator': f'MediaWiki {"1.45.0" if master else "1.43.9"}',
            'case': 'first-letter',
            'lang': 'en',
            'timezone': 'UTC',
            'timeoffset': 0,
            'articlepath': f'{wiki.path}/index.php/$1',
            'scriptpath': wiki.path,
            'script': f'{wiki.path}/index.php',
            'server': wiki.server,
            'servername': wiki.host,
            'wikiid': 'sandboxwiki',
            'time': timestamp(wiki.clock()),
            'maxarticlesize': 2097152,
            'writeapi': True,
            'galleryoptions': {},
            'thumblimits': {'0': 120},
            'imagelimits': {'0': {'width': 320, 'height': 240}},
            'magiclinks': {},
            'misermode': False,
        },
        'namespaces': namespaces,
        'namespacealiases': [],
        'magicwords': [
            {'name': name, 'aliases': [alias], 'case-sensitive': False}
            for name, alias in words.items()
        ],
        'extensions': [
            {
                'type': 'other',
                'name': 'OAuth',
                'version': '1.1.0',
                'url': 'https://www.mediawiki.org/wiki/Extension:OAuth',
            }
        ],
    }
    return {
        name: properties[name]
        for name in call.many('siprop', 'general')
        if name in properties
    }


METAS: dict[str, Callable[[Call], dict[str, Any]]] = {
    'siteinfo': _siteinfo,
    'tokens': _tokens,
    'userinfo': _userinfo,
}


# paraminfo


def paraminfo(call: Call, actions: Mapping[str, Action]) -> dict[str, Any]:
    """Return the result of action=paraminfo."""
    infos = (_module_info(path, actions) for path in call.many('modules'))
    modules = [info for info in infos if info]
    return {'paraminfo': {'helpformat': 'none', 'modules': modules}}


def _module_info(path: str, actions: Mapping[str, Action]) -> dict[str, Any] | None:
    parent, _, name = path.rpartition('+')
    parameters: list[dict[str, Any]] = []
    info = {
        'name': name,
        'path': path,
        'prefix': '',
        'classname': 'Api',
        'source': 'MediaWiki',
        'parameters': parameters,
    }
    if path == 'main':
        parameters.append(_choice('action', {act: act for act in actions}))
        parameters.append(_choice('format', {'json': 'json'}))
    elif path == 'query':
        for kind, modules in MODULES.items():
            paths = {name: f'query+{name}' for name in modules}
            parameters.append(_several(_choice(kind, paths)))
        paths = {name: f'query+{name}' for name in GENERATORS}
        parameters.append(_choice('generator', paths))
    elif path in actions:
        info['mustbeposted'] = actions[path].token is not None
    elif parent == 'query':
        for modules in MODULES.values():
            if name in modules:
                info['prefix'], limited = modules[name]
                parameters += LIMITED if limited else []
                info['generator'] = name in GENERATORS
                break
        else:
            return None
        if name in VALUES:
            parameter, values = VALUES[name]
            kinds = {'name': parameter, 'type': list(values)}
            parameters.append(_several(kinds))
    else:
        return None
    return info


def _choice(name: str, submodules: dict[str, str]) -> dict[str, Any]:
    return {'name': name, 'type': list(submodules), 'submodules': submodules}


def _several(parameter: dict[str, Any]) -> dict[str, Any]:
    limits = {'limit': 50, 'lowlimit': 50, 'highlimit': 500}
    return {**parameter, 'multi': True, **limits}


LIMITED = [
    {
        'name': 'limit', 'type': 'limit', 'default': 10, 'min': 1,
        'max': 500, 'highmax': 5000,
    },
    {'name': 'namespace', 'type': 'namespace'},
]  # fmt: skip
