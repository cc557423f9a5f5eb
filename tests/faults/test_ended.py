"""Authorizations that end, and clients that the wiki refuses."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.case import DEAD, DUE, LOGIN, fault, injects
from tests.sandbox.oauth import GRACE


UNUSABLE = 'message: expired, rejected, disabled; before August 2026 pwb login'
# Before a token is due, only the wiki's answer shows that it is dead.
WHEN = pytest.mark.parametrize('after', [0, DUE, DEAD])


@injects('revoked by the user', 'message: pwb login')
@WHEN
def test_a_revocation_ends_it_with_one_request(case, running, after):
    case.advance(after)
    case.wiki.revoke('Bot', case.client)
    case.is_ended(running, 'has ended', asks=1)
    # The advice in the message helps, even a bot that is still running.
    case.owner.log_in()
    case.goes_on(running)


@injects(
    'refreshed with a copy of the token file',
    'goes on for 600 seconds where the wiki does; then message: pwb login',
)
@pytest.mark.parametrize('later', [GRACE - 60, GRACE + 60])
def test_a_copy_of_the_token_file_is_another_holder(
    case, running, after, later
):
    case.advance(after)
    copy = case.folder / 'elsewhere'
    copy.mkdir()
    (copy / 'throttle.ctrl').touch()  # Pywikibot expects it at the end
    shutil.copy2(case.file, copy)
    case.edits(case.bot(folder=copy))
    case.wiki.delivered = [case.refresh_token]  # the copy's own
    case.advance(later)
    if later < GRACE and case.wiki.is_master:
        case.goes_on(running)
    else:
        case.is_ended(running, 'has ended')


@injects(
    'refreshed by another process with the same file',
    'goes on without a request for a token',
)
def test_what_another_process_has_refreshed_is_used(case, running, after):
    case.advance(after)
    case.capture.text += case.owner.edit()
    case.edits(running, asks=0)
    case.goes_on(running)


@injects('client deleted on the wiki', 'message: the list of clients')
@WHEN
def test_a_client_may_be_deleted_and_restored(case, running, after):
    case.advance(after)
    case.wiki.delete_client(case.client)
    # 1.43 answers with a server error.
    says = ('Special:OAuthConsumerRegistration', 'does not accept')
    for each in (running, running, None):
        case.stops(each, *says if case.wiki.is_master else ['does not exist'])
    case.wiki.oauth.clients[case.client.id] = case.client
    case.advance(61)
    case.goes_on(running)


@pytest.mark.parametrize(
    'stage',
    [
        fault(f'client {stage} on the wiki', UNUSABLE, stage)
        for stage in ('expired', 'rejected', 'disabled')
    ],
)
def test_a_client_that_is_unusable_for_a_while_ends_nothing(
    case, running, after, stage
):
    case.advance(after)
    case.wiki.set_stage(case.client, stage)
    for each in (running, running, None):
        case.stops(each)
    assert 'not approved within 30 days' in case.capture.text
    assert running.most_token_requests <= 2
    case.wiki.set_stage(case.client, 'approved')
    case.advance(61)
    if not case.wiki.is_master:
        # The refused attempt has used up the refresh token.
        case.stops(running, LOGIN)
        assert 'got no usable answer' not in case.capture.text
        case.owner.log_in()
    case.goes_on(running)


@injects('wrong client secret', 'message: compare with user-config.py')
def test_a_wrong_client_secret_ends_nothing(case, after):
    bot = case.bot(secret='wrong')
    case.advance(after)
    for _ in range(3):
        case.edits(bot) if after == DUE else case.stops(bot)
    assert 'does not accept the client' in case.capture.text
    advice = 'Compare the client ID and the client secret in user-config.py'
    assert advice in case.capture.text
    assert bot.most_token_requests <= 1
    case.goes_on()


@injects('account blocked', 'goes on; the message says so')
def test_a_block_ends_nothing(case, bot):
    case.advance(DEAD)
    case.wiki.block('Bot')
    case.stops(bot, 'blocked')
    case.wiki.block('Bot', blocked=False)
    case.goes_on(bot)
