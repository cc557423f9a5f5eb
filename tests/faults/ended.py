#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Authorizations that end, and clients that the wiki refuses."""
from __future__ import annotations

import shutil
from typing import Callable

from tests.faults.lab import DEAD, DUE, NEW, OLD, Case, lab, told
from tests.faults.table import fault
from tests.faults.watch import capture, check
from tests.sandbox.oauth import GRACE


@fault('revoked by the user', 'message: pwb login')
def _() -> None:
    for version in (OLD, NEW):
        for after in lab.some((0, DUE, DEAD)):
            with lab.case(version) as case:
                bot = case.bot()
                case.edits(bot)
                case.clock.advance(after)
                case.wiki.revoke('Bot', case.client)
                asked = case.wiki.token_requests
                case.is_ended(bot, 'has ended')
                check(case.wiki.token_requests == asked + 1,
                      'token requests:', case.wiki.token_requests - asked)
                # What the message says helps, also the bot that still runs.
                case.bot().log_in()
                case.goes_on(bot)


@fault('rotated with a copy of the token file, MediaWiki 1.43',
       'message: pwb login')
def _() -> None:
    for after in (DUE, DEAD):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            elsewhere(case)
            case.is_ended(bot, 'has ended')


@fault('rotated with a copy of the token file, MediaWiki 1.47',
       'goes on for 600 seconds, then message: pwb login')
def _() -> None:
    for after in (DUE, DEAD):
        for later in (GRACE - 60, GRACE + 60):
            with lab.case(NEW) as case:
                bot = case.bot()
                case.edits(bot)
                case.clock.advance(after)
                elsewhere(case)
                case.clock.advance(later)
                if later < GRACE:
                    case.goes_on(bot)
                else:
                    case.is_ended(bot, 'has ended')


def elsewhere(case: Case) -> None:
    """Refresh with a copy of the token file."""
    folder = case.folder / 'elsewhere'
    folder.mkdir()
    shutil.copy2(case.file, folder)
    case.edits(case.bot(folder=folder))
    # What that one got is none of ours.
    case.wiki.delivered.clear()


@fault('refreshed by another process with the same file',
       'goes on without a request for a token')
def _() -> None:
    for after in (DUE, DEAD):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            check(case.child(told).join()[0], 'the other process failed')
            asked = case.wiki.token_requests
            case.edits(bot)
            check(case.wiki.token_requests == asked, 'it asked as well')
            case.goes_on(bot)


def refused(refuse: Callable[[Case], None], mend: Callable[[Case], None],
            *says: str) -> None:
    """Let the wiki refuse the client for a while."""
    for after in lab.some((0, DUE, DEAD)):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            refuse(case)
            for each in (bot, bot, None):
                case.stops(each, *says)
            check(bot.most_token_requests <= 2, 'it asked so many times:',
                  bot.most_token_requests)
            mend(case)
            case.goes_on(bot)


@fault('client deleted on the wiki', 'message: approved, disabled, deleted')
def _() -> None:
    def mend(case: Case) -> None:
        case.wiki.oauth.clients[case.client.id] = case.client

    refused(lambda case: case.wiki.delete_client(case.client), mend,
            'does not accept the client',
            'not approved, was disabled or deleted',
            'Special:OAuthConsumerRegistration')


@fault('client disabled on the wiki', 'message: approved, disabled, deleted')
def _() -> None:
    def mend(case: Case) -> None:
        case.client.disabled = False

    # As long as the token lives, it is the wiki that says it.
    refused(lambda case: case.wiki.disable_client(case.client), mend,
            'not approved')


@fault('wrong client secret', 'message: compare with user-config.py')
def _() -> None:
    says = ('does not accept the client', 'Compare the client ID and the'
            ' client secret in user-config.py')
    for after in (DUE, DEAD):
        with lab.case(OLD) as case:
            bot = case.bot(secret='wrong')
            case.clock.advance(after)
            for _ in range(3):
                if after == DUE:
                    case.edits(bot)
                else:
                    case.stops(bot, *says)
            check(bot.most_token_requests <= 1, 'it asked so many times:',
                  bot.most_token_requests)
            if after == DUE:
                check(all(words in capture.text for words in says),
                      'it did not say so')
            case.goes_on()
