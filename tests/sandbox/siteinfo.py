#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What the wiki says about itself: siteinfo and paraminfo."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .accounts import GROUP_RIGHTS
from .clock import timestamp
from .pages import NAMESPACES


if TYPE_CHECKING:
    from collections.abc import Mapping

    from .api import Action, Call


TOKEN_TYPES = ('createaccount', 'csrf', 'deleteglobalaccount', 'login',
               'patrol', 'rollback', 'userrights', 'watch')

# Submodules of action=query: prefix, whether there is a limit, whether
# there is a namespace, whether it is a generator
PROP = {
    'categories': ('cl', True, False, True),
    'categoryinfo': ('ci', False, False, False),
    'extlinks': ('el', True, False, False),
    'imageinfo': ('ii', True, False, False),
    'images': ('im', True, False, True),
    'info': ('in', False, False, False),
    'iwlinks': ('iw', True, False, False),
    'langlinks': ('ll', True, False, False),
    'links': ('pl', True, True, True),
    'linkshere': ('lh', True, True, True),
    'pageprops': ('pp', False, False, False),
    'redirects': ('rd', True, True, True),
    'revisions': ('rv', True, False, False),
    'templates': ('tl', True, True, True),
    'transcludedin': ('ti', True, True, True),
}
LIST = {
    'allcategories': ('ac', True, False, True),
    'allpages': ('ap', True, True, True),
    'allusers': ('au', True, False, False),
    'backlinks': ('bl', True, True, True),
    'blocks': ('bk', True, False, False),
    'categorymembers': ('cm', True, True, True),
    'embeddedin': ('ei', True, True, True),
    'imageusage': ('iu', True, True, True),
    'logevents': ('le', True, True, False),
    'prefixsearch': ('ps', True, True, True),
    'random': ('rn', True, True, True),
    'querypage': ('qp', True, False, True),
    'recentchanges': ('rc', True, True, True),
    'search': ('sr', True, True, True),
    'usercontribs': ('uc', True, True, False),
    'users': ('us', False, False, False),
}
META = {
    'allmessages': ('am', False, False, False),
    'siteinfo': ('si', False, False, False),
    'tokens': ('', False, False, False),
    'userinfo': ('ui', False, False, False),
}
QUERY = {'prop': PROP, 'list': LIST, 'meta': META}
TYPES = {
    ('blocks', 'show'): ('account', '!account', 'ip', '!ip'),
    ('querypage', 'page'): (
        'Ancientpages', 'BrokenRedirects', 'Deadendpages', 'DoubleRedirects',
        'Listredirects', 'Longpages', 'Shortpages', 'Uncategorizedpages'),
    ('recentchanges', 'show'): (
        'minor', '!minor', 'bot', '!bot', 'anon', '!anon', 'redirect',
        '!redirect', 'patrolled', '!patrolled'),
    ('usercontribs', 'show'): (
        'minor', '!minor', 'top', '!top', 'new', '!new', 'patrolled',
        '!patrolled', 'autopatrolled', '!autopatrolled'),
    ('tokens', 'type'): TOKEN_TYPES,
    ('logevents', 'type'): ('block', 'protect', 'delete', 'move', 'upload'),
    ('info', 'prop'): ('protection', 'talkid', 'url', 'displaytitle'),
}


# paraminfo

def module_info(path: str, actions: Mapping[str, Action],
                ) -> dict[str, Any] | None:
    """Return what paraminfo says about a module, None if there is none."""
    info = {'name': path.rpartition('+')[2], 'path': path, 'prefix': '',
            'classname': 'Api', 'source': 'MediaWiki', 'parameters': []}
    parent, _, name = path.rpartition('+')
    if path == 'main':
        info['parameters'] = [
            _choice('action', {action: action for action in actions}),
            _choice('format', {'json': 'json', 'none': 'none'})]
    elif path == 'query':
        info['parameters'] = _query_parameters()
    elif path in actions:
        info['mustbeposted'] = actions[path].post
    elif parent == 'query' and _submodule(name):
        prefix, limit, ns, generator = _submodule(name)
        info.update(prefix=prefix, generator=generator,
                    parameters=_parameters(name, limit, ns))
    else:
        return None
    return info


def _submodule(name: str) -> tuple[str, bool, bool, bool] | None:
    return PROP.get(name) or LIST.get(name) or META.get(name)


def _choice(name: str, submodules: dict[str, str]) -> dict[str, Any]:
    return {'name': name, 'type': list(submodules), 'submodules': submodules}


def _query_parameters() -> list[dict[str, Any]]:
    parameters = [
        {**_choice(kind, {name: f'query+{name}' for name in modules}),
         'multi': True, 'limit': 50, 'lowlimit': 50, 'highlimit': 500}
        for kind, modules in QUERY.items()]
    generators = {name: f'query+{name}'
                  for modules in (PROP, LIST)
                  for name, module in modules.items() if module[3]}
    return [*parameters, _choice('generator', generators)]


def _parameters(name: str, limit: bool, ns: bool) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {'name': parameter, 'type': list(values), 'multi': True,
         'limit': 50, 'lowlimit': 50, 'highlimit': 500}
        for (module, parameter), values in TYPES.items() if module == name]
    if limit:
        parameters.append({'name': 'limit', 'type': 'limit', 'default': 10,
                           'min': 1, 'max': 500, 'highmax': 5000})
    if ns:
        multi = name not in ('allpages', 'logevents')
        parameters.append({'name': 'namespace', 'type': 'namespace',
                           'multi': multi, 'limit': 50, 'lowlimit': 50,
                           'highlimit': 500})
    return parameters


# siteinfo

def siteinfo(call: Call) -> dict[str, Any]:
    """Return the result of meta=siteinfo."""
    return {name: PROPERTIES[name](call) for name in
            call.known('siprop', PROPERTIES, 'general', 'siteinfo')}


def _general(call: Call) -> dict[str, Any]:
    wiki = call.wiki
    sizes = {str(number): size for number, size
             in enumerate((120, 150, 180, 200, 250, 300))}
    return {
        'mainpage': 'Main Page', 'base': f'{wiki.url}/index.php/Main_Page',
        'sitename': 'SandboxWiki', 'mainpageisdomainroot': False,
        'logo': f'{wiki.url}/logo.png',
        'generator': 'MediaWiki ' + ('1.45.0' if wiki.is_master else '1.43.9'),
        'phpversion': '8.2.29', 'phpsapi': 'fpm-fcgi', 'dbtype': 'sqlite',
        'dbversion': '3.40.1', 'imagewhitelistenabled': False,
        'langconversion': True, 'linkconversion': True,
        'titleconversion': True, 'linkprefixcharset': '', 'linkprefix': '',
        'linktrail': '/^([a-z]+)(.*)$/sD', 'legaltitlechars':
        ' %!"$&\'()*,\\-.\\/0-9:;=?@A-Z\\\\^_`a-z~\\x80-\\xFF+',
        'invalidusernamechars': '@:>=', 'allunicodefixes': False,
        'fixarabicunicode': True, 'fixmalayalamunicode': True,
        'git-hash': '', 'case': 'first-letter', 'lang': 'en',
        'fallback': [], 'rtl': False, 'fallback8bitEncoding': 'windows-1252',
        'readonly': False, 'writeapi': True, 'maxarticlesize': 2097152,
        'timezone': 'UTC', 'timeoffset': 0,
        'articlepath': f'{wiki.path}/index.php/$1',
        'scriptpath': wiki.path, 'script': f'{wiki.path}/index.php',
        'variantarticlepath': False, 'server': wiki.server,
        'servername': '127.0.0.1', 'wikiid': 'sandboxwiki',
        'time': timestamp(wiki.clock()), 'misermode': False,
        'uploadsenabled': True, 'maxuploadsize': 104857600,
        'minuploadchunksize': 1024, 'galleryoptions': {},
        'thumblimits': sizes, 'imagelimits': {
            key: {'width': size, 'height': size}
            for key, size in sizes.items()},
        'favicon': f'{wiki.url}/favicon.ico', 'centralidlookupprovider':
        'local', 'allcentralidlookupproviders': ['local'],
        'interwikimagic': True, 'magiclinks': {
            'ISBN': False, 'PMID': False, 'RFC': False},
        'categorycollation': 'uppercase', 'nofollowlinks': True,
        'nofollownsexceptions': [], 'nofollowdomainexceptions': [],
    }


def _named(call: Call, name: str, **data: object) -> dict[str, Any]:
    """Return *data* with a name under the key of the format version."""
    return {**data, 'name' if call.fv2 else '*': name}


def _namespaces(call: Call) -> dict[str, Any]:
    canonical = {4: 'Project', 5: 'Project talk'}
    result = {}
    for number, name in NAMESPACES.items():
        result[str(number)] = _named(
            call, name, id=number, case='first-letter',
            subpages=number not in (-2, -1, 0, 6, 14), content=number == 0,
            nonincludable=False)
        if number:
            result[str(number)]['canonical'] = canonical.get(number, name)
    return result


def _aliases(call: Call) -> list[dict[str, Any]]:
    return [{'id': number, 'alias' if call.fv2 else '*': name}
            for name, number in (('Image', 6), ('Image talk', 7))]


def _magicwords(_call: Call) -> list[dict[str, Any]]:
    words = {
        'redirect': ['#REDIRECT'], 'defaultsort': ['DEFAULTSORT:'],
        'noeditsection': ['__NOEDITSECTION__'], 'toc': ['__TOC__'],
        'img_thumbnail': ['thumb', 'thumbnail'], 'img_right': ['right'],
        'img_left': ['left'], 'img_none': ['none'], 'img_center': ['center'],
        'img_upright': ['upright'], 'img_framed': ['frame', 'framed'],
        'img_alt': ['alt=$1'], 'pagename': ['PAGENAME'],
        'displaytitle': ['DISPLAYTITLE'], 'subst': ['SUBST:'],
        'safesubst': ['SAFESUBST:'], 'namespace': ['NAMESPACE'],
        'disambiguation': ['__DISAMBIG__'],
    }
    return [{'name': name, 'aliases': aliases, 'case-sensitive': False}
            for name, aliases in words.items()]


def _interwikimap(call: Call) -> list[dict[str, Any]]:
    return [
        {'prefix': 'en', 'local': True, 'language': 'English',
         'url': f'{call.wiki.url}/index.php/$1', 'protorel': False},
        {'prefix': 'mediawikiwiki', 'protorel': False,
         'url': 'https://www.mediawiki.org/wiki/$1'}]


def _extensions(_call: Call) -> list[dict[str, Any]]:
    return [{'type': 'other', 'name': 'OAuth', 'author': 'Aaron Schulz',
             'url': 'https://www.mediawiki.org/wiki/Extension:OAuth',
             'version': '1.1.0', 'license-name': 'GPL-2.0-or-later'}]


def _restrictions(_call: Call) -> dict[str, Any]:
    levels = ['', 'autoconfirmed', 'sysop']
    return {'types': ['create', 'edit', 'move', 'upload'], 'levels': levels,
            'cascadinglevels': ['sysop'],
            'semiprotectedlevels': ['autoconfirmed']}


def _specialpagealiases(_call: Call) -> list[dict[str, Any]]:
    return [{'realname': name, 'aliases': [name]} for name in
            ('OAuth', 'OAuthManageMyGrants', 'PageLanguage',
             'RecentChanges', 'UserLogin', 'Watchlist')]


def _statistics(call: Call) -> dict[str, Any]:
    pages = len(call.wiki.pages)
    return {'pages': pages, 'articles': pages, 'images': 0, 'activeusers': 1,
            'edits': len(call.wiki.pages.revisions), 'jobs': 0, 'admins': 1,
            'users': len(call.wiki.accounts.users)}


PROPERTIES = {
    'general': _general,
    'namespaces': _namespaces,
    'namespacealiases': _aliases,
    'magicwords': _magicwords,
    'interwikimap': _interwikimap,
    'extensions': _extensions,
    'restrictions': _restrictions,
    'specialpagealiases': _specialpagealiases,
    'statistics': _statistics,
    'dbrepllag': lambda _: [{'host': '', 'lag': 0}],
    'extensiontags': lambda _: ['<pre>', '<nowiki>', '<gallery>'],
    'fileextensions': lambda _: [{'ext': ext} for ext in
                                 ('png', 'gif', 'jpg', 'jpeg', 'webp')],
    'functionhooks': lambda _: ['ns', 'urlencode', 'plural'],
    'languages': lambda call: [_named(call, 'Deutsch', code='de'),
                               _named(call, 'English', code='en')],
    'protocols': lambda _: ['http://', 'https://', 'mailto:', '//'],
    'rightsinfo': lambda _: {'url': '', 'text': ''},
    'showhooks': lambda _: [],
    'skins': lambda call: [_named(call, 'Vector', code='vector',
                                  default=True)],
    'usergroups': lambda _: [{'name': name, 'rights': list(rights)}
                             for name, rights in GROUP_RIGHTS.items()],
    'variables': lambda _: ['!', 'pagename', 'fullpagename'],
}
