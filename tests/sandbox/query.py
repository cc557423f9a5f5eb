"""action=query and action=paraminfo, as far as Pywikibot needs them."""

from __future__ import annotations

import hashlib

from .content import (
    DATA,
    NAMESPACES,
    READABLE,
    Session,
    normal_title,
    timestamp,
)
from .dialog import session_cookie


def run(call):
    result = {}
    for name in call.many('meta'):
        result.update(METAS[name](call))
    for name in LISTS.keys() & call.many('list'):
        result.update(LISTS[name](call))
    pages = {}
    for title in dict.fromkeys(map(normal_title, call.many('titles'))):
        page = call.wiki.pages.page(title)
        key = page.id if page else -1 - len(pages)
        pages[str(key)] = _described(call, title, page)
    if pages:
        result['pages'] = list(pages.values()) if call.fv2 else pages
        if 'indexpageids' in call.params:
            result['pageids'] = list(pages)
    return {'batchcomplete': True, **({'query': result} if result else {})}


def _described(call, title, page):
    data, wanted = {'ns': 0, 'title': title}, call.many('prop')
    data = {'pageid': page.id, **data} if page else {**data, 'missing': True}
    if 'info' in wanted:
        data.update(DATA['info'])
    if page and 'info' in wanted:
        data.update(touched=timestamp(page.time), lastrevid=page.revision)
        is_redirect = page.text.lower().startswith('#redirect')
        data.update(length=len(page.text), redirect=is_redirect)
    if page and 'revisions' in wanted:
        data['revisions'] = [_revision(call, page)]
    return data


def _revision(call, page):
    edit, text = page.edit, page.text.encode()
    fields = {'user': edit.user, 'userid': 0, 'roles': ['main']}
    fields.update(comment=edit.summary, parsedcomment=edit.summary)
    fields.update(size=len(text), sha1=hashlib.sha1(text).hexdigest())
    fields.update(timestamp=timestamp(page.time), tags=edit.tags)
    wanted = call.many('rvprop', 'ids|timestamp|flags|comment|user')
    data = {name: fields[name] for name in wanted if name in fields}
    if 'ids' in wanted:
        data.update(revid=page.revision, parentid=page.parent)
    content = {'contentmodel': 'wikitext'}
    if 'content' in wanted:
        content['contentformat'] = 'text/x-wiki'
        content['content' if call.fv2 else '*'] = page.text
    if 'rvslots' in call.params:
        data['slots'] = {'main': content}
    return data


def _users(call):
    result = []
    for name in map(normal_title, call.many('ususers')):
        user = call.wiki.accounts.users.get(name)
        data = {'name': name, 'missing': True}
        if user:
            # Within the grants of the request, whosever rights they are
            rights = call.wiki.caller(Session(user), call.caller.grants).rights
            data = {'userid': user.id, 'name': name, 'rights': rights}
        result.append(data)
    return {'users': result}


def _allusers(call):
    """Return all users from a name on; Pywikibot asks before a password."""
    users, start = call.wiki.accounts.users, call.get('aufrom')
    names = [name for name in sorted(users) if name >= start]
    found = [{'userid': users[name].id, 'name': name} for name in names]
    return {'allusers': found}


def blockinfo(user):
    times = {'blockedtimestampformatted': timestamp(user.blocked, READABLE)}
    times['blockedtimestamp'] = timestamp(user.blocked)
    return {**DATA['block'], **times}


def _userinfo(call):
    user, caller = call.caller.user, call.caller
    data = {'id': user.id if user else 0, 'name': caller.name}
    fields = {
        'groups': caller.groups,
        'rights': caller.rights,
        'ratelimits': {},
        'editcount': user.editcount if user else 0,
        'options': {'language': 'en'},
        'email': user.email if user else '',
    }
    if user is None:
        data['anon'] = True
    if 'viewmyprivateinfo' not in caller.rights:
        del fields['email']
    wanted = call.many('uiprop')
    data.update((name, fields[name]) for name in wanted if name in fields)
    if 'hasmsg' in wanted:
        data['messages'] = False
    if 'blockinfo' in wanted and user and user.blocked:
        data.update(blockinfo(user))
    if data.get('email') and user.email_confirmed:
        data['emailauthenticated'] = timestamp(user.registered)
    return {'userinfo': data}


def _tokens(call):
    kinds, accounts = call.many('type', 'csrf'), call.wiki.accounts
    is_new = call.wiki.session_of(call.request) is None
    if 'login' in kinds and call.request.bearer is None and is_new:
        # A login token needs a session, which needs a cookie.
        cookie = accounts.start(None)
        call.caller = call.wiki.caller(accounts.sessions[cookie])
        call.cookies.append(session_cookie(cookie))
    tokens = {f'{kind}token': call.caller.token(kind) for kind in kinds}
    return {'tokens': tokens}


def _siteinfo(call):
    wiki, key = call.wiki, 'name' if call.fv2 else '*'
    script = f'{wiki.path}/index.php'
    version = '1.45.0' if wiki.is_master else '1.43.9'
    general = {**DATA['general'], 'generator': f'MediaWiki {version}'}
    general.update(server=wiki.server, servername=wiki.host)
    general.update(script=script, scriptpath=wiki.path)
    general.update(base=f'{wiki.server}{script}/Main_Page')
    general.update(articlepath=f'{script}/$1', time=timestamp(wiki.clock()))
    namespaces = {}
    for number, name in NAMESPACES.items():
        data = {'id': number, 'case': 'first-letter', key: name}
        namespaces[str(number)] = {**data, 'canonical': name}
    known = {**DATA['siteinfo'], 'general': general, 'namespaces': namespaces}
    wanted = call.many('siprop', 'general')
    return {name: known[name] for name in wanted if name in known}


METAS = {'siteinfo': _siteinfo, 'tokens': _tokens, 'userinfo': _userinfo}
LISTS = {'users': _users, 'allusers': _allusers}


def paraminfo(call):
    modules = []
    for path in call.many('modules'):
        name = path.rpartition('+')[2]
        if path in DATA['parameters']:
            data = {'name': name, 'path': path, 'classname': 'Api'}
            data['prefix'] = DATA['prefixes'].get(name, '')
            data['parameters'] = DATA['parameters'][path]
            data['mustbeposted'] = path in DATA['posted']
            modules.append({**data, 'source': 'MediaWiki'})
    return {'paraminfo': {'helpformat': 'none', 'modules': modules}}
