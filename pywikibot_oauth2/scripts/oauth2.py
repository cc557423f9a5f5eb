"""Sets up, shows, renews and ends authorizations by OAuth 2.0.

Without an option of its own it shows what is known of the authorization
for the current site: the account, the client and its stage, the grants,
the rights and limits that the wiki reports, when the access token expires,
where it is kept, and whether the wiki accepts it. A token that is due is
renewed, as by any other script.

The following parameters are supported:

-setup       Set OAuth 2.0 up: register a client, write the configuration,
             and log in. Each question can be answered by an option:
             -kind:browser or -kind:owner-only, -by:api, -by:form or
             -by:id, -client-id:…, -callback-url:…, -wiki:…,
             -grants:editpage,highvolume, and -yes for all that is left.
             With -stdin, passwords and secrets are read from standard
             input, a line each.

-all         Do it for all sites that a username is defined for in the
             user config file (user-config.py) and that have an
             OAuth2Auth there.

-login       Authorize in a browser, as "pwb login" does. If there is an
             authorization already, nothing is asked. With -no-browser, no
             browser is opened on this machine.

-refresh     Get a new token now, although the old one is still valid. It
             is needed after the account was given a right, because some
             limits are fixed in a token when it is issued.

-logout      Forget the token here; bots that run at the same time do not
             bring it back. The page of the wiki that revokes the
             authorization itself is shown, since that cannot be done
             from here.

-token       Write a fresh access token to standard output, and nothing
             else, for other programs such as curl; with -json also its
             expiry.

-export      Write the authorization as one line, to be read by -import on
             another machine. It is gone here afterwards, because two
             holders of one refresh token throw each other out.

-import      Read such a line from standard input, and store it.

-reset       Get a new access token for an owner-only client, when the old
             one leaked or was lost. The old one stops working at once.

-register    Show how to register a client by hand: the address of the
             wiki's form, filled in as far as it can be, and what the
             grants are good for.

-json        Write a JSON object to standard output in place of text. Its
             "sites" is a list with an object for each site. Times are
             UTC in ISO 8601 format, and what is not known is null.

Only one of the actions can be given. All other output goes to standard
error.

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

    python3 -m pywikibot_oauth2
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

import pywikibot
import requests
from pywikibot import bot, config
from pywikibot.exceptions import Error

from pywikibot_oauth2 import host
from pywikibot_oauth2.cli import actions, registration, sites
from pywikibot_oauth2.cli.actions import FINE, WRONG
from pywikibot_oauth2.cli.status import examine, text
from pywikibot_oauth2.errors import ConfigurationError, OAuth2Error
from pywikibot_oauth2.messages import GRANTS, explain


if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywikibot.site import BaseSite

    from pywikibot_oauth2.auth import OAuth2Auth


_ACTIONS = {
    '-login': actions.login,
    '-refresh': actions.refresh,
    '-logout': actions.logout,
}
_SINGLE = ('-register', '-setup', '-token', '-export', '-import', '-reset')
_FLAGS = ('-all', '-json', '-no-browser', '-yes', '-stdin')
_VALUES = (
    '-kind:',
    '-by:',
    '-client-id:',
    '-callback-url:',
    '-grants:',
    '-wiki:',
)


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
    chosen = [option for option in (*_ACTIONS, *_SINGLE) if option in options]
    unknown = [
        option
        for option in options
        if option not in (*_ACTIONS, *_SINGLE, *_FLAGS)
        and not option.startswith(_VALUES)
    ]
    if bot.suggest_help(
        unknown_parameters=unknown,
        additional_text=f'{" and ".join(chosen)} exclude each other.'
        if len(chosen) > 1
        else '',
    ):
        return WRONG
    try:
        return _run(chosen[0] if chosen else '', options)
    except OAuth2Error as error:
        pywikibot.error(explain(error))
        return actions.exit_status(error)
    except Error as error:
        pywikibot.error(error)
        return WRONG


def _options(args: tuple[str, ...]) -> list[str]:
    """Let Pywikibot take its options, and return the others.

    Pywikibot asks the current wiki who it is at that moment, and if that
    is down repeats it for the better part of an hour. Here everything is
    tried once.
    """
    if pywikibot.argvu[0] == '-m':
        # "python3 -m" imports Pywikibot before the script has its name.
        pywikibot.argvu[0] = sys.argv[0]
    interface = config.site_interface
    setattr(config, 'site_interface', sites.OfflineSite)  # noqa: B010 - mypy refuses the assignment
    config.max_retries = 0
    try:
        rest: list[str] = pywikibot.handle_args(args, do_help=False)
    except SystemExit:  # an unknown family or site; it was said
        sys.exit(WRONG)
    except (Error, requests.RequestException, OSError, AssertionError):
        # A site of Wikibase is contacted all the same, after all options
        # have been taken.
        given = args or tuple(pywikibot.argvu[1:])
        known = (*_ACTIONS, *_SINGLE, *_FLAGS)
        rest = [
            option
            for option in given
            if option in known or option.startswith(_VALUES)
        ]
    finally:
        config.site_interface = interface
    return rest


def _run(action: str, options: list[str]) -> int:
    """Carry out an action."""
    is_json = '-json' in options
    if action == '-register':
        return _register(is_json=is_json)
    if action == '-setup':
        # Imported here because only a set-up needs it.
        from pywikibot_oauth2.cli.setup import run

        return run(options)
    if action in _SINGLE:
        site = sites.current_site()
        auth = sites.authentication(site)
        account = actions.account_of(site, auth)
        if action == '-token':
            return actions.token(site, account, is_json=is_json)
        if action == '-export':
            return actions.export(site, account)
        if action == '-import':
            return actions.import_(site, auth, account)
        from pywikibot_oauth2.cli.setup import reset

        return reset(site, auth, options)
    return _for_sites(action, options)


def _register(*, is_json: bool) -> int:
    """Show how to register a client for the current site."""
    site = sites.current_site()
    try:
        client = sites.authentication(site).client
    except ConfigurationError:
        client = None
    if not is_json:
        pywikibot.stdout(registration.text(site, client))
        return FINE
    _write_json(
        {
            'site': str(site),
            'url': registration.form_address(
                host.wiki_of_site(site),
                site.username() or '',
                callback_url=(client and client.redirect_uri)
                or registration.CALLBACK_URL,
            ),
            'grants': {
                name: f'{title}: {use}'
                for name, (title, _, use) in GRANTS.items()
            },
        }
    )
    return FINE


def _for_sites(action: str, options: list[str]) -> int:
    """Do something for the selected sites, and show their status."""
    is_json = '-json' in options
    exits = [FINE]
    shown: list[dict[str, object]] = []
    done: set[tuple[int, str]] = set()
    for site, auth in _meant(is_for_all='-all' in options):
        account = str(site.username() or '')
        if action == '-login' or (action and (id(auth), account) not in done):
            done.add((id(auth), account))
            exits.append(
                actions.act(
                    _ACTIONS[action],
                    site,
                    auth,
                    opens_browser='-no-browser' not in options,
                )
            )
        if action == '-logout' and not is_json:
            continue
        status = examine(site, auth)
        if action != '-logout':
            exits.append(status.exit_status)
        shown.append(status.serialize())
        if not is_json:
            pywikibot.stdout(text(status, auth.clock()))
    if is_json:
        _write_json({'sites': shown})
    return max(exits)


def _meant(*, is_for_all: bool) -> Iterator[tuple[BaseSite, OAuth2Auth]]:
    """Yield the selected sites, each with its OAuth2Auth.

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
            ' usernames. See "pwb oauth2 -setup".',
            error='no_entry',
        )


def _write_json(data: dict[str, object]) -> None:
    pywikibot.stdout(json.dumps(data, indent=1))


def run() -> None:
    """Run the script, and end Python with its exit status."""
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)


if __name__ == '__main__':
    run()
