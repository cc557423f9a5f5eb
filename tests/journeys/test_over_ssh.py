"""The bot runs on a server, and the browser somewhere else."""

from __future__ import annotations

import subprocess
import sys

from tests.harness import LOGGED_IN, editors
from tests.sandbox import browser


def test_the_address_of_the_page_that_does_not_load_is_pasted(owner, wiki):
    with owner.terminal('login') as terminal:
        terminal.type(wiki.approve(terminal.address) + '\n')
        shown = terminal.wait()
        assert terminal.is_restored()
    assert LOGGED_IN in shown
    assert not [secret for secret in wiki.secrets if secret in shown]
    owner.edit()
    assert editors(wiki) == ['Bot']


def test_through_a_forwarded_port_nothing_is_pasted(owner):
    with owner.terminal('login') as terminal:
        person = [sys.executable, browser.__file__, terminal.address]
        subprocess.run(person, check=True, stdout=subprocess.DEVNULL)
        assert LOGGED_IN in terminal.wait()
