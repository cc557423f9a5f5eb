"""Answers to the questions of a command, from options or a person."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import pywikibot

from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.login.prompt import is_terminal


if TYPE_CHECKING:
    from collections.abc import Iterator


def impossible(message: str) -> ConfigurationError:
    """Return the error for a command that cannot be carried out."""
    return ConfigurationError(message, error='no_choice')


def read_line() -> str:
    """Return a line of standard input.

    :raises ConfigurationError: there is none
    """
    # It is None if it was closed.
    line = sys.stdin.readline() if sys.stdin else ''
    if not line:
        raise impossible('Standard input has no line for that.')
    return line


class Answers:
    """Answers questions from options, or asks a person.

    The methods raise a ConfigurationError if nobody can be asked.

    :param options: the options of the command line
    """

    def __init__(self, options: list[str]) -> None:
        self.takes_all = '-yes' in options
        self.opens_browser = '-no-browser' not in options
        self._reads_secrets = '-stdin' in options
        self._given = dict(
            option[1:].split(':', 1) for option in options if ':' in option
        )

    def given(self, name: str) -> str | None:
        """Return the value of an option, or None."""
        return self._given.get(name)

    def ask(self, name: str, question: str, default: str = '') -> str:
        """Return the value of an option, or ask for it."""
        if name in self._given:
            return self._given[name]
        if self.takes_all and default:
            return default
        return _input(name, question, default=default)

    def choose(self, name: str, choices: dict[str, str]) -> str:
        """Return one of several choices, the first one by default.

        :raises ConfigurationError: there is no such choice
        """
        names = list(choices)
        if name not in self._given and not self.takes_all:
            for number, choice in enumerate(names, 1):
                pywikibot.info(f'  {number}  {choice}: {choices[choice]}')
        answer = self.ask(name, 'Which one?', names[0])
        if answer.isdigit() and 0 < int(answer) <= len(names):
            return names[int(answer) - 1]
        if answer not in names:
            raise impossible(f'{answer!r} is not one of {", ".join(names)}.')
        return answer

    def hidden(self, question: str) -> str:
        """Ask for a secret, without showing it."""
        if self._reads_secrets:
            return read_line().rstrip('\n')
        return _input('stdin', question, password=True)

    def agree(self, question: str) -> None:
        """Continue only if the person agrees.

        :raises ConfigurationError: the person does not
        """
        if self.takes_all:
            return
        _require_terminal('yes')
        with _answered():
            if not pywikibot.input_yn(question, default=True):
                raise impossible('Nothing was changed.')


def _input(
    name: str, question: str, default: str = '', *, password: bool = False
) -> str:
    """Ask a person; the name is that of the option to use instead."""
    _require_terminal(name)
    with _answered():
        answer: str = pywikibot.input(question, password, default)
    return answer.strip()


@contextlib.contextmanager
def _answered() -> Iterator[None]:
    """Report that the input ended, as by Ctrl-D, in place of an answer."""
    try:
        yield
    except EOFError:
        raise impossible('There was no answer.') from None


def _require_terminal(name: str) -> None:
    if not is_terminal():
        raise impossible(f'There is no terminal: use the option -{name}.')
