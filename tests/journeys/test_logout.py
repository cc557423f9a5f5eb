"""The token is to be forgotten, by whoever still runs with it too."""

from __future__ import annotations

from tests.harness import LOGGED_IN, editors


def log_out(owner):
    """Forget the token; return what was said."""
    done = owner.alone('oauth2', '-logout')
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_after_a_logout_scripts_need_another_login(owner, wiki):
    owner.log_in()
    secrets = owner.stored()['token'].values()
    log_out(owner)
    text = owner.token_file().read_text()
    assert not [value for value in secrets if str(value) in text]
    assert owner.alone(owner.script(), '1').returncode != 0
    assert editors(wiki) == []
    assert LOGGED_IN in owner.log_in()
    owner.edit()
    assert editors(wiki) == ['Bot']


def test_a_logout_stops_a_script_that_runs(owner, wiki):
    owner.log_in()
    handle = wiki._handle

    def handle_and_log_out(request):
        response = handle(request)
        if len(wiki.edits) == 1:
            del wiki._handle
            log_out(owner)
            wiki.expire_access_tokens()
        return response

    wiki._handle = handle_and_log_out
    done = owner.alone(owner.script(), '5')
    assert done.returncode != 0
    assert editors(wiki) == ['Bot']


def test_pywikibots_own_logout_says_what_to_do(owner, wiki):
    owner.log_in()
    done = owner.alone('login', '-logout')
    assert 'pwb oauth2 -logout' in done.stdout
    assert 'Traceback' not in done.stdout
    owner.edit()
    assert editors(wiki) == ['Bot']
