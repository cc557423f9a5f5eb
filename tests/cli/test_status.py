"""pwb oauth2 without an action."""

from __future__ import annotations

import json

import pytest

from pywikibot_oauth2.cli import status
from tests.sandbox.config import FAMILY


def test_the_status_tells_everything_that_is_known(owner, wiki, shows):
    limits = {'edit': {'user': {'hits': 90, 'seconds': 60}}, 'thanks': {}}

    def limited(data):
        data['query']['userinfo']['ratelimits'] = limits
        return data

    wiki.block('Bot')
    wiki.fail_next('rewrite', path='/api.php', change=limited)
    shown = shows(
        '-all',
        0,
        '  account        Bot\n',
        f'{owner.client.id} (confidential), ',
        ', approved\n',
        '  state          authorized, and the wiki accepts the token',
        'but the account is blocked',
        '  grants         basic, highvolume, editpage, createeditmovepage\n',
        '(grant "Upload new files")',
        'edit 90 in 60 s (1 more with -json)',
        f'  kept in        {owner.token_file()}\n',
    )
    assert shown.count('sandbox:en\n') == 1
    shown = owner.alone('oauth2', '-json').stdout
    data = json.loads(shown)['sites'][0]
    assert data['state'] == 'authorized'
    assert data['missing']['upload'] == 'Upload new files'
    assert data['access_token_expires_at'].endswith('+00:00')
    assert owner.client.secret not in shown


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [
        (-60, 'expired at 2027-01-15 07:59 UTC'),
        (59, 'until 2027-01-15 08:00 UTC (1 min from now)'),
        (3600 + 60, 'until 2027-01-15 09:01 UTC (1 h 1 min from now)'),
        (86400 + 7260, 'until 2027-01-16 10:01 UTC (1 d 2 h from now)'),
        (1e12, 'has no practical expiry'),
    ],
)
def test_the_status_says_how_long_a_token_is_valid(seconds, words):
    now = 1_800_000_000
    assert status._expiry(now + seconds, now) == words


def test_a_family_without_a_usable_address_does_not_hide_other_sites(
    owner, shows
):
    text = FAMILY.format(langs={'xx': 'no host'}, paths={'xx': ''})
    family = owner.write('odd_family.py', text.replace("'sandbox'", "'odd'"))
    owner.configure(f"family_files['odd'] = {family!r}\n")
    owner.configure("usernames['odd']['xx'] = 'Bot'\n")
    shows('-all', 0, 'sandbox:en\n  account        Bot\n')


def test_the_status_of_a_token_without_the_usual_rights(owner, wiki, shows):
    client = wiki.register(owner_only=True, grants=('basic',))
    owner.use_fixed_token(client.access_token)
    shows('', 0, '  rights         5 in all; not: bot, ')


@pytest.mark.parametrize('stage', ['rejected', 'expired', 'disabled'])
def test_the_status_names_the_stage_of_the_client(owner, wiki, shows, stage):
    wiki.set_stage(owner.client, 'proposed')
    # What the profile lacks, the list of clients may have.
    wiki.fail_next('status', times=4, path='profile', status=503)
    shows('', 0, ', proposed\n', 'unless it is approved')
    wiki.set_stage(owner.client, stage)
    for code, option in ('not-approved', '-login'), ('access_denied', ''):
        shown = shows(option, 1, code, 'refused: http', 'expired, or an adm')
        assert 'unless it is approved' not in shown
        wiki.expire_access_tokens()


def test_without_an_authorization_the_status_says_what_to_run(stranger, shows):
    shows('', 2, 'pwb oauth2 -setup -site:sandbox:en')
    config = stranger.config.rename(stranger.folder / 'other')
    # Nobody has chosen Test Wikipedia, which is Pywikibot's default.
    shows('', 2, 'run:\n  pwb oauth2 -setup\n')
    config.rename(stranger.config)
    stranger.use_oauth()
    place = f'  looked in      {stranger.token_file()}\n'
    shows('', 1, 'Run "pwb login -site:sandbox:en"', place)
    shows('-reset', 2, 'for sandbox:en is not owner-only', stranger.wiki.url)


@pytest.mark.parametrize(
    ('fault', 'answer'),
    [
        ('html', None),
        ('half', None),
        ('rewrite', {'error': {'code': 'readonly'}}),
        ('rewrite', []),
    ],
)
def test_an_unusable_answer_is_not_taken_for_a_refusal(
    owner, wiki, shows, fault, answer
):
    wiki.fail_next(fault, path='/api.php', change=lambda _: answer)
    shows('', 3, 'unreachable')


def test_a_refusal_by_the_api_is_not_taken_for_an_unusable_answer(
    owner, wiki, shows
):
    answer = {'error': {'code': 'readapidenied', 'info': 'You may not.'}}
    wiki.fail_next('rewrite', path='/api.php', change=lambda _: answer)
    shows('', 1, 'refused: readapidenied: You may not.')


def test_what_a_private_wiki_does_not_tell_is_unknown(owner, wiki, shows):
    def hide(data):
        return data if 'userinfo' in data['query'] else {'error': {}}

    wiki.fail_next('rewrite', times=2, path='/api.php', change=hide)
    assert json.loads(shows('-json', 0))['sites'][0]['missing'] is None


def test_a_client_that_is_no_longer_there_is_named(owner, wiki, shows):
    wiki.expire_access_tokens()
    wiki.delete_client(owner.client)
    words = 'refused: ', 'Compare the client ID and the client secret'
    assert 'anonymous' not in shows('', 1, *words)
