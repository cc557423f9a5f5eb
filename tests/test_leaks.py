"""Nothing secret is in a repr, a log, a warning or a traceback."""

from __future__ import annotations

import logging

import pytest
import requests

from pywikibot_oauth2 import OAuth2Client, OAuth2Error, OAuth2Session
from tests.helpers import HOUR, Bot, PatientPolicy, listening, shown


@pytest.fixture
def bot(wiki, tmp_path):
    return Bot(wiki, tmp_path)


@pytest.fixture
def printed(caplog, capsys):
    """Return a function that returns all that was logged and printed."""
    caplog.set_level(logging.DEBUG)
    with listening() as said:
        yield lambda: caplog.text + str(capsys.readouterr()) + str(said)


def parts(secret):
    """Return what would give a secret away; all JWTs begin alike."""
    half = len(secret) // 2
    return secret[half:] if secret.startswith('eyJ') else secret[:half]


def check(wiki, *texts):
    secrets = {parts(each) for each in wiki.secrets if len(each) > 30}
    assert len(secrets) >= 3
    for text in texts:
        assert not [each for each in secrets if each in text]


@pytest.mark.parametrize(
    'kind', ['refused', 'client', 'trouble', 'lost', 'odd']
)
def test_no_error_of_a_renewal_shows_a_secret(bot, printed, kind):
    bot.log_in()
    client = OAuth2Client(bot.registered.id, bot.registered.secret)
    account = bot.another(client=client, policy=PatientPolicy())
    account.header()
    bot.wiki.clock.advance(HOUR)
    if kind == 'refused':
        bot.wiki.revoke('Bot', bot.registered)
    elif kind == 'client':
        bot.wiki.set_stage(bot.registered, 'disabled')
    elif kind == 'odd':
        bot.wiki.fail_next('rewrite', change=lambda d: d | {'access_token': 1})
    else:
        bot.wiki.fail_next('html' if kind == 'trouble' else 'reset_after')
    try:
        account.header()
    except OAuth2Error as error:
        assert kind != 'refused'
        check(bot.wiki, shown(error))
    else:
        assert kind == 'refused'
    known = [account.state, account.authorization, account.client, account]
    check(bot.wiki, *map(repr, known), bot.said, printed())


def test_no_traceback_of_a_session_shows_the_code_or_the_header(bot, printed):
    session = OAuth2Session(bot.client, bot.wiki.api_url, clock=bot.wiki.clock)
    bot.wiki.fail_next('html')
    with pytest.raises(OAuth2Error) as first:
        session.complete(bot.wiki.approve(session.authorization_url()))
    session.complete(bot.wiki.approve(session.authorization_url()))
    bot.wiki.expire_access_tokens()
    bot.wiki.fail_next('html')
    with pytest.raises(OAuth2Error) as caught:
        requests.get(bot.wiki.api_url, auth=session)
    check(bot.wiki, *map(shown, [first.value, caught.value]), printed())
    assert repr(session.token.header) == '<Authorization header>'
