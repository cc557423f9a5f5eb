"""The scripts of pywikibot-scripts, unchanged, on MediaWiki.

Each runs as from cron: without a terminal, and with nobody to answer a
question. Each is checked by what it did to the wiki.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import shlex

import pytest

from tests.harness import (
    DEAD,
    Owner,
    Reaper,
    dialogs,
    grants,
    join,
    shared_clock,
)
from tests.mediawiki import RealWiki
from tests.mediawiki.server import GRANTS


pytestmark = pytest.mark.mediawiki

SHELL = """
page = pywikibot.Page(pywikibot.Site(), 'Shell')
page.text = 'written in the shell'
page.save('a line in the shell', quiet=True)
pywikibot.info(f'revision {page.latest_revision_id}')
"""

# Reads pages, lists, and information about the site.
READER = """
import pywikibot
site = pywikibot.Site()
site.login()
for page in site.allpages(prefix='Main', content=True):
    print(page.title(), len(page.text), site.siteinfo['generator'])
print(list(site.recentchanges(total=2))[0]['title'], site.user())
"""
# By default a request is a POST if it is longer than 255 characters.
BY_GET = 'enable_GET_without_SSL = True\nmaximum_GET_length = 8000\n'

# A PNG of one pixel, after whose end there may be anything
PICTURE = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVQI12NgAAAAAgAB'
    '4iG8MwAAAABJRU5ErkJggg=='
)


@pytest.fixture(scope='module')
def farm():
    """Run two MediaWikis that share an authorization server."""
    wiki, other = RealWiki(), RealWiki()
    join(wiki, other)
    with wiki, other:
        for each in (wiki, other):
            account = 'Bot', each.password('Bot'), ['bot', 'sysop']
            each.mediawiki.add_account(*account)
        yield wiki, other


@pytest.fixture(scope='module')
def farmer(farm, tmp_path_factory):
    """Return the owner of a bot that is authorized."""
    wiki, other = farm
    client = wiki.register(grants=GRANTS, redirect_uri='http://127.0.0.1:1/')
    folder = tmp_path_factory.mktemp('owner')
    owner = Owner(folder, wiki, client=client, others={'de': other})
    owner.share(other)
    owner.authorize()
    return owner


@pytest.fixture
def owner(farm, farmer):
    farmer.wikis = farm
    for each in farm:
        each.requests.clear()
    return farmer


@pytest.fixture
def mediawiki(farm):
    return farm[0].mediawiki


def acts(action):
    return lambda request: request.form.get('action') == action


edits = acts('edit')


def run(owner, command, dies_at=edits, keys=''):
    """Run a script; check that it ended well, though tokens died.

    :param dies_at: tells whether a request is the one to die at
    """
    with Reaper(*owner.wikis, is_the_one=dies_at) as reaper:
        done = owner.alone(*shlex.split(command), keys=keys)
    assert done.returncode == 0, done.stdout
    for bad in ('ERROR', 'Traceback', 'OAuth', 'authoriz'):
        assert bad not in done.stdout, done.stdout
    assert reaper.was_the_one, done.stdout
    # The first one is the token that it began with.
    refused = sum(each.count(error=DEAD) for each in owner.wikis)
    assert refused >= reaper.deaths >= 2
    for each in owner.wikis:
        asked = each.count('/access_token')
        assert each.count('/access_token', error=None) == asked
        assert dialogs(each) == 0
    return done.stdout


def make(mediawiki, name, number, text):
    """Write pages with numbers; return their titles."""
    titles = [f'{name} {each}' for each in range(number)]
    for title in titles:
        mediawiki.edit(title, text)
    return titles


def check_last_change(mediawiki, title):
    (revision,) = mediawiki.page(title)['revisions']
    assert revision['user'] == 'Bot'
    assert 'OAuth CID: 1' in revision['tags']


def check_texts(mediawiki, titles, text):
    for title in titles:
        assert mediawiki.text(title) == text
        check_last_change(mediawiki, title)


@pytest.mark.parametrize(
    ('name', 'before', 'command', 'after'),
    [
        ('Text', 'First.', 'add_text -prefixindex:Text -text:"Last." -always',
         'First.\nLast.'),
        ('Replace', 'The colour', 'replace -prefixindex:Replace -always'
         ' -summary:spelling colour color', 'The color'),
        ('Template', 'Look: {{old|1}}', 'template Old New -always'
         ' -summary:spelling', 'Look: {{New|1}}'),
    ],
)  # fmt: skip
def test_scripts_change_many_pages(
    owner, mediawiki, name, before, command, after
):
    mediawiki.edit('Template:Old', 'old')
    mediawiki.edit('Template:New', 'new')
    titles = make(mediawiki, name, 6, before)
    run(owner, command)
    check_texts(mediawiki, titles, after)
    if 'summary' in command:
        comment = mediawiki.page(titles[0])['revisions'][0]['comment']
        assert comment == 'spelling'


def test_touch_makes_no_revision(owner, mediawiki):
    titles = make(mediawiki, 'Untouched', 4, 'The text stays.')
    mediawiki.sql("UPDATE page SET page_touched = '20010115000000'")
    run(owner, 'touch -prefixindex:Untouched')
    for title in titles:
        page = mediawiki.page(title, prop='info|revisions')
        assert page['touched'] > '2002'
        assert page['revisions'][0]['user'] == 'Admin'  # no new one
    untouched = mediawiki.page('Main Page', prop='info')
    assert untouched['touched'].startswith('2001')


def test_movepages_moves_a_page_and_leaves_a_redirect(owner, mediawiki):
    mediawiki.edit('Move from', 'To be moved')
    command = 'movepages -from:"Move from" -to:"Move to" -always -summary:a'
    run(owner, command, acts('move'))
    check_texts(mediawiki, ['Move to'], 'To be moved')
    assert mediawiki.text('Move from') == '#REDIRECT [[Move to]]'


def test_category_moves_a_category_and_removes_pages_from_it(owner, mediawiki):
    titles = make(mediawiki, 'Category', 4, 'It flies.\n\n[[Category:Birds]]')
    mediawiki.edit('Category:Birds', 'Those that fly')

    def members(category):
        query = {'list': 'categorymembers', 'cmtitle': category}
        found = mediawiki.ask(action='query', **query)
        return [page['title'] for page in found['query']['categorymembers']]

    run(owner, 'category move -from:Birds -to:Aves -batch', acts('move'))
    assert members('Category:Aves') == titles
    assert members('Category:Birds') == []
    assert mediawiki.text('Category:Aves') == 'Those that fly'
    run(owner, 'category remove -from:Aves -batch -nodelsum')
    assert members('Category:Aves') == []
    check_texts(mediawiki, titles, 'It flies.')


def test_redirect_fixes_double_redirects(owner, mediawiki):
    mediawiki.edit('Redirect 1', '#REDIRECT [[Redirect 2]]')
    mediawiki.edit('Redirect 2', '#REDIRECT [[Redirect 3]]')
    mediawiki.edit('Redirect 3', 'The goal')
    run(owner, 'redirect double -always')
    for title in ('Redirect 1', 'Redirect 2'):
        assert mediawiki.text(title) == '#REDIRECT [[Redirect 3]]'
    check_last_change(mediawiki, 'Redirect 1')


def test_listpages_continues_a_list_and_changes_nothing(owner, mediawiki):
    titles = make(mediawiki, 'List', 12, 'To be listed')
    before = mediawiki.changes()
    command = 'listpages -prefixindex:List -format:3 -step:3'
    lines = run(owner, command, dies_at=is_continuation).splitlines()
    listed = [line for line in lines if line.startswith('List ')]
    assert listed == sorted(titles)
    assert mediawiki.changes() == before


def test_pagefromfile_writes_each_page(owner, mediawiki):
    page = "{{{{-start-}}}}\n'''From file {0}'''\nText {0}\n{{{{-stop-}}}}\n"
    text = ''.join(page.format(number) for number in range(5))
    (owner.folder / 'pages.txt').write_text(text)
    run(owner, 'pagefromfile -file:pages.txt -notitle -summary:test')
    for number in range(5):
        check_texts(mediawiki, [f'From file {number}'], f'Text {number}')


@pytest.mark.parametrize('chunks', ['', ' -chunked:1MB'])
def test_upload_sends_a_file_of_four_megabytes(owner, mediawiki, chunks):
    name = f'Noise{len(chunks)}.png'
    content = PICTURE + random.Random(1).randbytes(4_200_000)
    (owner.folder / name).write_bytes(content)
    command = f'upload {name} "Made for a test" -always -ignorewarn{chunks}'
    run(owner, command, dies_at=is_large)
    (image,) = mediawiki.page(
        f'File:{name}', prop='imageinfo', iiprop='sha1|size|user'
    )['imageinfo']
    assert image['sha1'] == hashlib.sha1(content).hexdigest()
    assert (image['size'], image['user']) == (len(content), 'Bot')
    assert mediawiki.text(f'File:{name}') == 'Made for a test'
    large = [request for request in owner.wiki.requests if is_large(request)]
    # Of which one was refused, and another for its CSRF token.
    assert len(large) >= (6 if chunks else 3)
    assert [request.error for request in large].count(DEAD) >= 1


def test_delete_gives_the_reason(owner, mediawiki):
    titles = make(mediawiki, 'Delete', 3, 'To be deleted')
    command = 'delete -prefixindex:Delete -always -summary:"not needed"'
    run(owner, command, acts('delete'))
    assert [mediawiki.text(title) for title in titles] == [None] * 3
    for title, change in zip(
        titles, mediawiki.changes(rctype='log')[-3:], strict=True
    ):
        assert (change['title'], change['user']) == (title, 'Bot')
        assert change['logtype'] == 'delete'
        assert change['comment'] == 'not needed'
        assert change['tags'] == ['OAuth CID: 1']


def test_transferbot_copies_pages_to_another_wiki(farm, owner, mediawiki):
    titles = make(mediawiki, 'Transfer', 3, 'Text')
    pages = ' '.join(f'"-page:{title}"' for title in titles)
    run(owner, f'transferbot -tolang:de {pages}')
    there = farm[1].mediawiki
    for title in titles:
        assert 'Text' in there.text(title)
        check_last_change(there, title)
    # Reading here and writing there, both under the one authorization.
    for each in farm:
        assert {
            request.user
            for request in each.requests
            if request.path == '/api.php' and not request.error
        } == {'Bot'}


def test_the_shell_of_pwb_edits(owner, mediawiki):
    output = run(owner, 'shell', keys=SHELL)
    check_texts(mediawiki, ['Shell'], 'written in the shell')
    revision = mediawiki.page('Shell')['revisions'][0]['revid']
    assert f'revision {revision}\n' in output


def test_a_script_runs_on_while_tokens_expire_by_the_clock(
    farm, owner, mediawiki, tmp_path, monkeypatch
):
    def handle(request):
        response = usual(request)
        if edits(request) and not request.error:
            owner.advance(wiki.token_life / 3)
        return response

    wiki, client = farm[0], owner.client
    owner = Owner(tmp_path, wiki, client=client, **shared_clock(tmp_path))
    owner.authorize()
    usual = wiki._handle
    monkeypatch.setattr(wiki, '_handle', handle)
    titles = make(mediawiki, 'Clock', 9, 'colour')
    command = 'replace -prefixindex:Clock -always -summary:test colour color'
    done = owner.alone(*command.split())
    assert 'ERROR' not in done.stdout
    assert [mediawiki.text(title) for title in titles] == ['color'] * 9
    # No request has met a dead token.
    assert wiki.count(error=DEAD) == 0
    assert grants(wiki, 'refresh_token') == 2
    assert dialogs(wiki) == 0


def test_reads_are_get_and_changes_are_post(farm, owner, tmp_path):
    wiki = farm[0]
    reader = Owner(tmp_path, wiki, client=owner.client, extra=BY_GET)
    reader.authorize()
    shown = reader.python(READER)
    assert re.search('(?m)^Main Page [0-9]+ MediaWiki 1', shown)
    assert wiki.count('/api.php', method='GET') >= 6
    assert wiki.count('/api.php', method='POST') == 0
    assert {request.user for request in wiki.requests} <= {'Bot', None}
    reader.edit()
    assert wiki.count('/api.php', method='POST') == 1


def test_the_status_names_the_grants_for_what_the_account_may_do(owner):
    shown = owner.alone('oauth2').stdout
    assert 'rollback (grant "Rollback changes to pages")' in shown
    assert 'createpage (' not in shown


def is_continuation(request):
    return any(
        name.endswith('continue')
        for name in request.form
        if name not in ('continue', 'rawcontinue')
    )


def is_large(request):
    return request.body_length > 5e5
