"""action=query and action=paraminfo, as far as Pywikibot needs them."""

from __future__ import annotations

import hashlib

from .accounts import Session
from .clock import timestamp
from .data import DATA
from .dialog import session_cookie
from .pages import NAMESPACES, namespace, normal_title


def run(call):
    result = {}
    for name in call.many('meta'):
        result.update(METAS[name](call))
    if 'users' in call.many('list'):
        result['users'] = _users(call)
    pages = {}
    if 'allusers' in call.many('list'):
        result['allusers'] = _allusers(call)
    for title in dict.fromkeys(map(normal_title, call.many('titles'))):
        page = call.wiki.pages.page(title)
        key = page.id if page else -1 - len(pages)
        pages[str(key)] = _described(call, title, page)
    if pages:
        result['pageids'] = list(pages)
        result['pages'] = list(pages.values()) if call.fv2 else pages
        if 'indexpageids' not in call.params:
            del result['pageids']
    return {'batchcomplete': True, **({'query': result} if result else {})}


# Pages


def _described(call, title, page):
    """Return what is asked about a page."""
    data = {'ns': namespace(title), 'title': title}
    data = {'pageid': page.id, **data} if page else {**data, 'missing': True}
    if 'info' in call.many('prop'):
        data.update(contentmodel='wikitext', pagelanguage='en')
        data.update(protection=[], restrictiontypes=['edit', 'move'])
    if 'info' in call.many('prop') and page:
        last = page.revisions[-1]
        data.update(touched=timestamp(last.time), lastrevid=last.id)
        data.update(length=len(last.text), redirect=page.is_redirect)
    if 'revisions' in call.many('prop') and page:
        data['revisions'] = [_revision(call, page)]
    return data


def _revision(call, page):
    revision, text = page.revisions[-1], page.text.encode()
    fields = {'user': revision.user, 'userid': 0, 'roles': ['main']}
    fields.update(comment=revision.summary, parsedcomment=revision.summary)
    fields.update(size=len(text), sha1=hashlib.sha1(text).hexdigest())
    fields.update(timestamp=timestamp(revision.time), tags=revision.tags)
    wanted = call.many('rvprop', 'ids|timestamp|flags|comment|user')
    data = {name: fields[name] for name in wanted if name in fields}
    if 'ids' in wanted:
        data.update(revid=revision.id, parentid=revision.parent)
    content = {'contentmodel': 'wikitext'}
    if 'content' in wanted:
        content['contentformat'] = 'text/x-wiki'
        content['content' if call.fv2 else '*'] = revision.text
    if 'rvslots' in call.params:
        data['slots'] = {'main': content}
    return data


def _users(call):
    result = []
    for name in map(normal_title, call.many('ususers')):
        user = call.wiki.accounts.users.get(name)
        data = {'name': name, 'missing': True}
        if user:
            data = {'userid': user.id, 'name': name}
            rights = call.wiki.caller(Session(user)).rights
            fields = {'groups': user.all_groups, 'rights': rights}
            wanted = set(call.many('usprop')) & set(fields)
            data.update((key, fields[key]) for key in wanted)
        result.append(data)
    return result


def blockinfo(user):
    """Return what is said about the block of a user."""
    written = timestamp(user.blocked, '%H:%M, %d %B %Y')
    times = {'blockedtimestampformatted': written}
    times['blockedtimestamp'] = timestamp(user.blocked)
    return {**DATA['block'], **times}


def _userinfo(call):
    user, caller = call.caller.user, call.caller
    data = {'id': user.id if user else 0, 'name': caller.name}
    fields = {
        'groups': user.all_groups if user else ['*'],
        'rights': caller.rights,
        'ratelimits': {},
        'editcount': user.editcount if user else 0,
        'options': {'language': 'en'},
        'email': '',
    }
    if user is None:
        data['anon'] = True
    elif 'viewmyprivateinfo' in caller.rights:
        fields['email'] = user.email
    for name in call.many('uiprop'):
        if name in fields:
            data[name] = fields[name]
        elif name == 'hasmsg':
            data['messages'] = False
        elif name == 'blockinfo' and user and user.blocked:
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
        call.caller = call.wiki.caller(accounts.session(cookie))
        call.cookies.append(session_cookie(cookie))
    return {
        'tokens': {f'{kind}token': call.caller.token(kind) for kind in kinds}
    }


# The wiki


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


POSTED = ('clientlogin', 'edit', 'login', 'logout')


def paraminfo(call):
    modules = []
    for path in call.many('modules'):
        name = path.rpartition('+')[2]
        if path in DATA['parameters']:
            data = {'name': name, 'path': path, 'classname': 'Api'}
            data['prefix'] = DATA['prefixes'].get(name, '')
            data['parameters'] = DATA['parameters'][path]
            data['mustbeposted'] = path in POSTED
            modules.append({**data, 'source': 'MediaWiki'})
    return {'paraminfo': {'helpformat': 'none', 'modules': modules}}


def _allusers(call):
    """Return all users from a name on; Pywikibot asks before a password."""
    users = sorted(call.wiki.accounts.users.values(), key=lambda u: u.name)
    return [
        {'userid': user.id, 'name': user.name}
        for user in users
        if user.name >= call.get('aufrom')
    ]
