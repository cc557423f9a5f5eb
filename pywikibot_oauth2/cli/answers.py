"""Answers to the questions of a command, from options or a person."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import pywikibot

from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.login.prompt import HiddenLine, can_paste, is_terminal


if TYPE_CHECKING:
    from collections.abc import Iterator


def impossible(message: str) -> ConfigurationError:
    """Return the error for a command that cannot be carried out."""
    return ConfigurationError(message, error='no_choice')


def read_line() -> str:
    """Return a line of standard input; raise an error if there is none."""
    line = sys.stdin.readline() if sys.stdin else ''  # None if closed
    if not line:
        raise impossible('A line of standard input is missing.')
    return line


def paste(question: str) -> str:
    """Ask for a secret that a terminal might truncate."""
    if not can_paste():
        return str(pywikibot.input(question, password=True))
    pywikibot.info(f'{question} (it is not shown) and press Enter:')
    with HiddenLine() as hidden:
        while (pasted := hidden.poll(60)) is None:
            pass
    return pasted


class Answers:
    """Answers questions from options, or asks a person.

    The methods raise a ConfigurationError if there is no usable answer.

    :ivar given: the values of the options that have one
    """

    def __init__(self, options: list[str]) -> None:
        self.options = options
        self.takes_all = '-yes' in options
        self.opens_browser = '-no-browser' not in options
        values = [option[1:] for option in options if ':' in option]
        self.given = dict(value.split(':', 1) for value in values)

    def ask(self, name: str, question: str, default: str = '') -> str:
        """Return the value of an option, or ask until there is an answer."""
        if name in self.given:
            return self.given[name]
        if self.takes_all and default:
            return default
        with _asking(name):
            answer = ''
            while not answer:
                answer = pywikibot.input(question, default=default).strip()
            return answer

    def choose(
        self, name: str, title: str, choices: dict[str, str], default: str
    ) -> str:
        """Return one of several choices, which may be given by number."""
        numbers = {str(n): choice for n, choice in enumerate(choices, 1)}
        if name not in self.given and not self.takes_all:
            pywikibot.info(f'\n{title}')
            for number, choice in numbers.items():
                pywikibot.info(f'  {number}  {choice}: {choices[choice]}')
        while True:
            answer = self.ask(name, 'Which one?', default)
            answer = numbers.get(answer, answer)
            if answer in choices:
                return answer
            words = f'{answer!r} is not one of {", ".join(choices)}.'
            if name in self.given:
                raise impossible(words)
            pywikibot.warning(words)

    def hidden(self, question: str, *, is_long: bool = False) -> str:
        """Ask for a secret, without showing it."""
        if '-stdin' in self.options:
            return read_line().rstrip('\n')
        with _asking('stdin'):
            if is_long:
                return paste(question)
            return str(pywikibot.input(question, password=True))

    def confirms(self, question: str, *, default: bool = True) -> bool:
        """Return whether the person says yes."""
        if self.takes_all:
            return default
        with _asking('yes'):
            return bool(pywikibot.input_yn(question, default=default))

    def agree(self, question: str) -> None:
        """Continue only if the person agrees."""
        if not self.confirms(question):
            raise impossible('Nothing was changed.')


@contextlib.contextmanager
def _asking(name: str) -> Iterator[None]:
    """Check that a person can answer; if not, name the option to use."""
    if not is_terminal():
        raise impossible(f'There is no terminal: use the option -{name}.')
    try:
        yield
    except EOFError:
        raise impossible('There was no answer.') from None
