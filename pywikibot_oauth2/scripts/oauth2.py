#!/usr/bin/env python3
#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Shows, renews and ends authorizations by OAuth 2.0.

Without an option of its own it shows what is known of the authorization
for the current site: the account, the client, its grants, the rights and
limits that the wiki reports, when the access token expires, by when the
refresh token should have been used, where they are kept, and whether the
wiki accepts them. A token that is due is renewed, as by any other script.

The following parameters are supported:

-all         Do it for all sites that a username is defined for in the
             user config file (user-config.py) and that have an
             OAuth2Auth there.

-login       Authorize in a browser, as "pwb login" does. If there is an
             authorization already, nothing is asked.

-refresh     Get a new token now, though the old one is still valid. It
             is needed after the account was given a right, because some
             limits are fixed in a token when it is issued.

-logout      Forget the token here; bots that run at the same time do not
             bring it back. The page of the wiki is named that revokes
             the authorization itself, which cannot be done from here.

-register    Show how to register a client: the address of the wiki's
             form, filled in as far as it can be, and what the grants
             are good for.

-json        Write a JSON object to standard output in place of text. Its
             "sites" is a list with an object for each site; times are
             UTC as ISO 8601 has it, and what is not known is null.

No more than one of -login, -refresh, -logout and -register can be given.
All other output goes to standard error.

Exit statuses; with -all the highest counts:

0   authorized; with -logout: logged out; with -register: shown
1   not authorized, logged out, or the wiki does not accept it any more
2   wrong options, or user-config.py has to be corrected
3   the wiki cannot be reached, or gave no usable answer
4   what is stored cannot be read or written
130 interrupted by Ctrl-C

.. hint:: Use :ref:`global options` ``-code``, ``-family``, ``-site`` or
   ``-user`` to determine the site and the account, and put them behind
   the name of the script.

Before Pywikibot 9.4, or if Pywikibot is not installed as a package, pwb
does not find this script; then it is run by::

    python3 -m pywikibot_oauth2.scripts.oauth2
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Callable

import pywikibot
import requests
from pywikibot import bot, config
from pywikibot.comms import http
from pywikibot.exceptions import Error, NoUsernameError

from pywikibot_oauth2.errors import (
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    StoreError,
)
from pywikibot_oauth2.scripts.parts import registration, report, sites
from pywikibot_oauth2.scripts.parts.examination import examine
from pywikibot_oauth2.session import OAuth2Session


if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywikibot.site import BaseSite

    from pywikibot_oauth2.auth import OAuth2Auth
    from pywikibot_oauth2.renewal import Renewal


ACTIONS = '-login', '-refresh', '-logout', '-register'
OPTIONS = '-all', '-json', *ACTIONS

FINE, NOT_AUTHORIZED, WRONG, UNREACHABLE, NO_STORE = range(5)


def main(*args: str) -> int:
    """Run the script.

    :param args: the options; if there are none, those of the command line
    :return: the exit status
    """
    options = _options(args)
    if '-help' in options or '-help:global' in options:
        bot.show_help(
            'pywikibot_oauth2.scripts.oauth2',
            show_global='-help:global' in options,
        )
        return FINE
    actions = [option for option in ACTIONS if option in options]
    if bot.suggest_help(
        unknown_parameters=[
            option for option in options if option not in OPTIONS
        ],
        additional_text=''
        if len(actions) < 2
        else f'{" and ".join(actions)} exclude each other.',
    ):
        return WRONG
    action = actions[0] if actions else ''
    try:
        if action == '-register':
            return _register(is_json='-json' in options)
        return _run(
            action, is_for_all='-all' in options, is_json='-json' in options
        )
    except Error as error:
        pywikibot.error(error)
        return WRONG


def _options(args: tuple[str, ...]) -> list[str]:
    """Let Pywikibot take its options, and return the others.

    Pywikibot asks the current wiki who it is at that moment, and if that
    is down repeats it for the better part of an hour. Here all is tried
    once.
    """
    if pywikibot.argvu[0] == '-m':
        # "python3 -m" imports Pywikibot before the script has its name.
        pywikibot.argvu[0] = sys.argv[0]
    interface = config.site_interface
    setattr(config, 'site_interface', sites.OfflineSite)  # noqa: B010
    config.max_retries = 0
    try:
        return pywikibot.handle_args(args, do_help=False)
    except SystemExit:  # an unknown family or site; it was said
        sys.exit(WRONG)
    except (Error, requests.RequestException, OSError, AssertionError):
        # A site of Wikibase is asked all the same, when all options have
        # been taken.
        given = args or tuple(pywikibot.argvu[1:])
        return [option for option in given if option in OPTIONS]
    finally:
        config.site_interface = interface


def _register(*, is_json: bool) -> int:
    """Show how to register a client for the current site."""
    site = sites.current_site()
    try:
        client = sites.authentication(site).client
    except ConfigurationError:
        client = None
    if is_json:
        _write_json(
            {
                'site': str(site),
                'url': registration.address(site, client),
                'grants': {
                    name: ': '.join(words)
                    for name, words in registration.GRANTS.items()
                },
            }
        )
    else:
        pywikibot.stdout(registration.text(site, client))
    return FINE


def _run(action: str, *, is_for_all: bool, is_json: bool) -> int:
    """Do something for the sites that are meant, and show their status."""
    exits = [FINE]
    shown: list[dict[str, object]] = []
    done: set[tuple[int, str]] = set()
    for site, auth in _meant(is_for_all=is_for_all):
        account = str(site.username() or '')
        result = FINE
        if action == '-login' or (action and (id(auth), account) not in done):
            done.add((id(auth), account))
            result = _act(_ACTS[action], site, auth)
        exits.append(result)
        if action == '-logout' and not is_json:
            continue
        status = examine(site, auth)
        if action != '-logout':
            exits.append(status.exit_status)
        shown.append(status.serialize())
        if not is_json:
            pywikibot.stdout(report.text(status, auth.clock()))
    if is_json:
        _write_json({'sites': shown})
    return max(exits)


def _meant(*, is_for_all: bool) -> Iterator[tuple[BaseSite, OAuth2Auth]]:
    """Yield the sites that are meant, with what they log in by.

    :raises ConfigurationError: there is none
    """
    if not is_for_all:
        site = sites.current_site()
        yield site, sites.authentication(site)
        return
    found = False
    for pair in sites.configured_sites():
        found = True
        yield pair
    if not found:
        raise ConfigurationError(
            'user-config.py has no OAuth2Auth for any of the sites in'
            ' usernames. See "pwb oauth2 -register".'
        )


def _act(
    act: Callable[[BaseSite, OAuth2Auth, Renewal], int],
    site: BaseSite,
    auth: OAuth2Auth,
) -> int:
    """Do something for one account; say what failed."""
    account = site.username()
    if account is None:
        return WRONG  # the status says why
    exits: dict[type[Exception], int] = {
        ConfigurationError: WRONG,
        StoreError: NO_STORE,
        ClientRefusedError: NOT_AUTHORIZED,
        EndpointError: UNREACHABLE,
    }
    try:
        auth.use(sites.prefix_of(site), account)
        return act(site, auth, auth.account(account))
    except OAuth2Error as error:
        pywikibot.error(f'{site}: {error}')
        return exits.get(type(error), NOT_AUTHORIZED)


def _login(site: BaseSite, auth: OAuth2Auth, renewal: Renewal) -> int:
    """Authorize, if need be."""
    status = examine(site, auth)
    if status.state == 'authorized' or status.exit_status > NOT_AUTHORIZED:
        return status.exit_status
    if auth.client.owner_only:
        # It needs no person; only that it logged out is to be forgotten.
        if auth.client.fixed_token() is None:
            renewal.adopt(
                OAuth2Session(
                    auth.client,
                    f'{sites.prefix_of(site)}/api.php',
                    user=site.username(),
                    clock=auth.clock,
                )
            )
        return FINE
    from pywikibot_oauth2.login import OAuth2LoginManager

    manager = OAuth2LoginManager(site=site, user=site.username())
    try:
        manager.login()
    except NoUsernameError as error:
        pywikibot.error(error)
        return NOT_AUTHORIZED
    return FINE


def _refresh(site: BaseSite, auth: OAuth2Auth, renewal: Renewal) -> int:
    """Renew the token now."""
    if auth.client.fixed_token() is not None:
        pywikibot.error(
            f'{site}: the access token of an owner-only client is never'
            ' renewed. If the account was given a right, reset the client at'
            f' {sites.special_page(site, "OAuthConsumerRegistration/list")}'
            ' and put the new access token in place of the old one.'
        )
        return WRONG
    before = renewal.load()
    old = before.token if before is not None else None
    renewal.refresh(http.user_agent(site))
    session = renewal.session
    if session is None or not session.is_complete:
        pywikibot.error(
            f'{site}: there is no authorization to renew. Run:\n'
            f'  {sites.login_command(site)}'
        )
        return NOT_AUTHORIZED
    if session.token == old:
        pywikibot.error(
            f'{site}: the wiki gave no refresh token, so the'
            ' token cannot be renewed. When it has expired, run'
            f'\n  {sites.login_command(site)}'
        )
        return NOT_AUTHORIZED
    pywikibot.info(f'{site}: there is a new token.')
    return FINE


def _logout(site: BaseSite, auth: OAuth2Auth, renewal: Renewal) -> int:
    """Forget the token."""
    account = renewal.account
    revoke = (
        f'To revoke the authorization itself, so that no copy of the'
        ' token is of any use, open this page and choose "Revoke":\n'
        f'  {sites.special_page(site, "OAuthManageMyGrants")}'
    )
    if auth.client.fixed_token() is not None:
        revoke = sites.special_page(site, 'OAuthConsumerRegistration/list')
        pywikibot.error(
            f'{site}: the access token of {account} is not kept here, but'
            ' stands in the configuration (access_token=…): take it out'
            f' there. To make it useless, reset or disable the client:\n'
            f'  {revoke}'
        )
        return WRONG
    if renewal.forget():
        pywikibot.info(
            f'{account} is logged out of {site}. The token is no longer in'
            f' {auth.store.where(account)}\nA bot that runs goes on until'
            ' its token is due, and then ends.'
        )
    else:
        pywikibot.info(
            f'{account} is not logged in to {site}; there is no'
            f' token in {auth.store.where(account)}'
        )
    pywikibot.info(revoke)
    return FINE


_ACTS = {'-login': _login, '-refresh': _refresh, '-logout': _logout}


def _write_json(data: dict[str, object]) -> None:
    pywikibot.stdout(json.dumps(data, indent=1))


if __name__ == '__main__':
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
