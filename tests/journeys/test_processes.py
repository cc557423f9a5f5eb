"""Several processes and folders under one authorization."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from tests.harness import EDITS, SECONDS, editors, grants


def test_processes_that_find_a_dead_token_refresh_it_once(owner, wiki):
    owner.log_in()
    wiki.expire_access_tokens()
    command = [sys.executable, '-c', EDITS, '2']
    with ExitStack() as stack:
        started = [
            stack.enter_context(owner.start(*command)) for _ in range(6)
        ]
        outputs = [bot.communicate(timeout=SECONDS)[0] for bot in started]
    assert [bot.returncode for bot in started] == [0] * 6, outputs
    assert ''.join(outputs) == ''
    assert grants(wiki, 'refresh_token') == 1
    assert set(editors(wiki)) == {'Bot'}


def test_a_login_while_a_script_runs_serves_it_too(owner, wiki):
    owner.log_in()
    handle = wiki._handle

    def handle_and_log_in(request):
        response = handle(request)
        if len(wiki.edits) == 1:
            del wiki._handle
            wiki.revoke('Bot', owner.client)
            owner.log_in()
        return response

    wiki._handle = handle_and_log_in
    owner.edit(3)
    assert editors(wiki) == ['Bot'] * 3
