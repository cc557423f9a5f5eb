"""Sets up, shows, renews and removes OAuth 2.0 authorizations.

Without any of the following options, it shows the status of the
authorization for the current site: the account, the client and its stage,
the grants, the rights and limits that the wiki reports, when the access
token expires, where it is kept, and whether the wiki accepts it. A token
that is due is renewed, as with any other script.

The following parameters are supported:

-setup       Set OAuth 2.0 up: register a client, write the configuration,
             and log in. Each question can be answered with an option:
             -kind:browser or -kind:owner-only, -by:api, -by:form or
             -by:id, -client-id:…, -callback-url:…, -wiki:…,
             -grants:editpage,highvolume, and -yes for everything else.
             With -stdin, passwords and secrets are read from standard
             input, one per line.

-all         Do it for all sites that a username is defined for in the
             user config file (user-config.py) and that have an
             OAuth2Auth there.

-login       Authorize in a browser, as "pwb login" does. If there already
             is an authorization, nothing is asked. With -no-browser, no
             browser is opened on this machine.

-refresh     Get a new token now, although the old one is still valid. This
             is necessary after the account was given a right, because
             some limits are fixed in a token when it is issued.

-logout      Remove the token from this machine; running bots do not
             restore it. The page of the wiki where you can revoke the
             authorization itself is shown.

-token       Write a fresh access token to standard output, and nothing
             else, for other programs such as curl; with -json also its
             expiry.

-export      Write the authorization as one line, to be read by -import on
             another machine. It is removed from this machine, because two
             machines cannot use the same refresh token.

-import      Read such a line from standard input, and store it.

-reset       Get a new access token or client secret for an owner-only
             client, if the old one leaked or was lost. The old one stops
             working at once.

-register    Show how to register a client by hand: the address of the
             wiki's form, with most fields filled in, and what the grants
             are used for.

-json        Write a JSON object to standard output instead of text. Its
             "sites" is a list with an object for each site. Times are
             UTC in ISO 8601 format, and unknown values are null.

Only one of the actions can be given. All other output goes to standard
error.

Exit statuses; with -all the highest counts:

0   authorized; with -logout: logged out; with -register: shown
1   not authorized, logged out, or the wiki does not accept it any more
2   wrong options, or user-config.py has to be corrected
3   the wiki cannot be reached, or gave no usable answer
4   stored data cannot be read, or new data could not be written
130 interrupted by Ctrl-C

.. hint:: Use :ref:`global options` ``-code``, ``-family``, ``-site`` or
   ``-user`` to determine the site and the account, and put them after
   the name of the script.

Before Pywikibot 9.4, or if Pywikibot is not installed as a package, pwb
does not find this script. Run it with::

    python3 -m pywikibot_oauth2
"""

from __future__ import annotations

import contextlib
import json
import re
import sys

import pywikibot
import requests
from pywikibot import bot, config
from pywikibot.exceptions import Error

from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.cli import actions, setup, sites
from pywikibot_oauth2.cli.actions import FINE, WRONG, write
from pywikibot_oauth2.cli.answers import Answers
from pywikibot_oauth2.cli.sites import Case
from pywikibot_oauth2.cli.status import EXITS, examine, state_of, text
from pywikibot_oauth2.errors import ConfigurationError, OAuth2Error
from pywikibot_oauth2.messages import explain


# Actions for each of the sites, before its status is shown.
_FOR_SITES = {
    '-login': actions.login,
    '-refresh': actions.refresh,
    '-logout': actions.logout,
}
# Actions for the current site only.
_FOR_ONE = {
    '-token': actions.token,
    '-export': actions.export,
    '-import': actions.import_,
    '-reset': setup.reset,
}
_GENERAL = {'-register': actions.register, '-setup': setup.run}
_ACTIONS = (*_FOR_SITES, *_FOR_ONE, *_GENERAL)
_FLAGS = '-all', '-json', '-no-browser', '-yes', '-stdin'
_VALUES = r'-(kind|by|client-id|callback-url|grants|wiki):'


def main(*args: str) -> int:
    """Run the script.

    :param args: the options; by default those of the command line
    :return: the exit status
    """
    options = _options(args)
    is_global = '-help:global' in options
    if is_global or '-help' in options:
        bot.show_help('pywikibot_oauth2.scripts.oauth2', is_global)
        return FINE
    chosen = [option for option in _ACTIONS if option in options]
    excess = f'{" and ".join(chosen)} cannot be used together.'
    if bot.suggest_help(
        unknown_parameters=[name for name in options if not _is_known(name)],
        additional_text=excess if len(chosen) > 1 else '',
    ):
        return WRONG
    # Pywikibot does not notice the sites of these commands.
    OAuth2Auth.tells_if_unused = True
    answers, action = Answers(options), chosen[0] if chosen else ''
    case: Case | None = None
    try:
        if action in _GENERAL:
            return _GENERAL[action](answers)
        if action in _FOR_ONE:
            case = Case(sites.offline_site())
            return _FOR_ONE[action](case, answers)
        return _for_sites(action, answers)
    except OAuth2Error as error:
        pywikibot.error(case.explain(error) if case else explain(error))
        return EXITS[state_of(error)]
    except Error as error:
        pywikibot.error(error)
        return WRONG


def _is_known(option: str) -> bool:
    return option in (*_ACTIONS, *_FLAGS) or bool(re.match(_VALUES, option))


def _options(args: tuple[str, ...]) -> list[str]:
    """Let Pywikibot take its options, and return the others.

    Pywikibot contacts the current wiki at that moment and, if the wiki is
    down, tries again for most of an hour. Here, everything is tried once.
    """
    if pywikibot.argvu[0] == '-m':
        # "python3 -m" imports Pywikibot before the script has its name.
        pywikibot.argvu[0] = sys.argv[0]
    interface = config.site_interface
    setattr(config, 'site_interface', sites.OfflineSite)  # noqa: B010 - mypy refuses the assignment
    config.max_retries = 0
    try:
        return list(pywikibot.handle_args(args, do_help=False))
    except SystemExit:  # an unknown family or site, already reported
        sys.exit(WRONG)
    except (Error, requests.RequestException, OSError, AssertionError):
        # A Wikibase site is contacted anyway, after all options have been
        # taken.
        return list(filter(_is_known, args or pywikibot.argvu[1:]))
    finally:
        config.site_interface = interface


def _for_sites(action: str, answers: Answers) -> int:
    """Carry out an action for the selected sites, and show their status."""
    if '-all' in answers.options:
        cases = list(sites.configured_cases())
    else:
        cases = [Case(sites.offline_site())]
    if not cases:
        raise ConfigurationError(
            'user-config.py has no OAuth2Auth for any of the sites in'
            ' usernames. See "pwb oauth2 -setup".',
            error='no_entry',
        )
    is_json = '-json' in answers.options
    exits = [FINE]
    shown: list[dict[str, object]] = []
    done: set[tuple[int, str | None]] = set()
    for case in cases:
        account = id(case.auth), case.username
        if action == '-login' or (action and account not in done):
            done.add(account)
            try:
                exits.append(_FOR_SITES[action](case, answers))
            except OAuth2Error as error:
                pywikibot.error(f'{case.site}: {case.explain(error)}')
                exits.append(EXITS[state_of(error)])
        if action == '-logout' and not is_json:
            continue
        status = examine(case)
        if action != '-logout':
            exits.append(EXITS[status.state])
        shown.append(status.serialize())
        if not is_json:
            write(text(status, case.auth.clock()))
    if is_json:
        write(json.dumps({'sites': shown}, indent=1))
    return max(exits)


def run() -> None:
    """Run the script, and end Python with its exit status."""
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)


if __name__ == '__main__':
    run()
