"""Answers to the questions of a command, by options or by a person."""

from __future__ import annotations

import sys

import pywikibot

from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.login.prompt import is_terminal


class Answers:
    """Answers questions by options, or asks a person.

    :param options: the options of the command line
    """

    def __init__(self, options: list[str]) -> None:
        self.takes_all = '-yes' in options
        self._reads_secrets = '-stdin' in options
        self._given = dict(
            option[1:].split(':', 1) for option in options if ':' in option
        )

    def given(self, name: str) -> str | None:
        """Return what an option says, or None."""
        return self._given.get(name)

    def ask(self, name: str, question: str, default: str = '') -> str:
        """Return an answer.

        :raises ConfigurationError: nobody can be asked
        """
        if name in self._given:
            return self._given[name]
        if self.takes_all and default:
            return default
        self._require_terminal(name)
        answer: str = pywikibot.input(question, default=default)
        return answer.strip()

    def choose(self, name: str, choices: dict[str, str]) -> str:
        """Return one of several choices.

        :raises ConfigurationError: there is no such choice
        """
        default = next(iter(choices))
        if name not in self._given and not self.takes_all:
            for number, (choice, text) in enumerate(choices.items(), 1):
                pywikibot.info(f'  {number}  {choice}: {text}')
        answer = self.ask(name, 'Which one?', default)
        if answer.isdigit() and 0 < int(answer) <= len(choices):
            return list(choices)[int(answer) - 1]
        if answer not in choices:
            raise ConfigurationError(
                f'{answer!r} is not one of {", ".join(choices)}.',
                error='no_choice',
            )
        return answer

    def hidden(self, question: str) -> str:
        """Return a secret, which is not shown.

        :raises ConfigurationError: nobody can be asked
        """
        if self._reads_secrets:
            return sys.stdin.readline().rstrip('\n')
        self._require_terminal('stdin')
        answer: str = pywikibot.input(question, password=True)
        return answer.strip()

    def agree(self, question: str) -> None:
        """Continue only if the person agrees.

        :raises ConfigurationError: the person does not
        """
        if self.takes_all:
            return
        self._require_terminal('yes')
        if not pywikibot.input_yn(question, default=True):
            raise ConfigurationError('Nothing was changed.', error='no_choice')

    def _require_terminal(self, name: str) -> None:
        if not is_terminal():
            raise ConfigurationError(
                f'Nobody can be asked here: give the option -{name}.',
                error='no_choice',
            )
