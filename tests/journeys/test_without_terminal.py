"""Cron, a container, CI: there is nobody to ask."""

from __future__ import annotations

import pytest

from tests.harness import LOGGED_IN, editors


COMMAND = 'pwb login -site:sandbox:en'


def test_a_login_does_not_wait_but_names_the_command(owner, wiki):
    done = owner.alone('login')
    assert 'Bot has not authorized the client' in done.stdout
    assert COMMAND in done.stdout
    assert 'Not logged in on sandbox:en.' in done.stdout
    assert 'Traceback' not in done.stdout
    assert wiki.count('/authorize') == 0


def test_a_script_ends_with_the_command_and_runs_after_it(owner, wiki):
    script = owner.script()
    done = owner.alone(script, '1')
    assert done.returncode != 0
    assert done.stdout.rstrip().endswith(COMMAND)
    assert editors(wiki) == []
    owner.log_in()
    assert owner.alone(script, '1').returncode == 0
    assert editors(wiki) == ['Bot']


@pytest.mark.both_servers
def test_after_a_revocation_each_run_names_the_command(owner, wiki):
    owner.log_in()
    wiki.revoke('Bot', owner.client)
    script = owner.script()
    for reason in ('The authorization of Bot has ended', 'has ended'):
        done = owner.alone(script, '1')
        assert done.returncode != 0
        assert reason in done.stdout
        assert done.stdout.rstrip().endswith(COMMAND)
    assert editors(wiki) == []
    # A refresh token that was refused is not sent a second time.
    assert wiki.count('/access_token') == 2
    # In a terminal the script asks, and goes on.
    with owner.terminal(script, '2') as terminal:
        terminal.type(wiki.approve(terminal.address) + '\n')
        terminal.wait()
    assert editors(wiki) == ['Bot', 'Bot']


def test_a_revocation_while_a_script_runs_asks_again(owner, wiki):
    owner.log_in()
    save = wiki.pages.save

    def save_and_revoke(*arguments):
        if not wiki.edits:
            wiki.revoke('Bot', owner.client)
        return save(*arguments)

    wiki.pages.save = save_and_revoke
    with owner.terminal(owner.script(), '3') as terminal:
        terminal.type(wiki.approve(terminal.address) + '\n')
        shown = terminal.wait()
    assert 'The authorization of Bot has ended' in shown
    assert editors(wiki) == ['Bot'] * 3


def test_a_damaged_token_file_is_named_and_left_alone(owner, wiki):
    owner.write(owner.token_file().name, '{"version": 1, "auth')
    done = owner.alone(owner.script(), '1')
    assert done.returncode != 0
    assert f'{owner.token_file()} is damaged' in done.stdout
    assert f'mv {owner.token_file()} ' in done.stdout
    assert owner.token_file().read_text() == '{"version": 1, "auth'
    owner.token_file().unlink()
    assert LOGGED_IN in owner.log_in()
