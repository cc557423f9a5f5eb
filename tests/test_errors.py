"""The errors: whose they are, what they carry, what they show."""

from __future__ import annotations

import pytest

from pywikibot_oauth2 import OAuth2Error, errors


KINDS = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, OAuth2Error)
]


@pytest.mark.parametrize('kind', KINDS)
def test_an_error_is_one_of_pywikibot_and_carries_its_facts(kind):
    facts = {'wiki': 'a', 'account': 'Bot', 'client_id': 'b', 'error': 'c',
             'hint': 'd', 'retry_after': 1.5}  # fmt: skip
    error = kind('Failed.', **facts)
    assert str(error) == 'Failed.'
    assert facts.items() <= vars(error).items()
    assert error.about('Other', 'z') is error
    assert error.account == 'Bot'
    assert kind('Failed.').about('Other', 'z').account == 'Other'
    # Pywikibot repeats a request for any other error.
    fatal = (errors.FatalServerError, errors.NoUsernameError)
    assert isinstance(error, fatal) == (kind is not OAuth2Error)


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('a\n b\tc\x1b[2J\x00 ', 'a b c [2J'),
        ('\udcff\u202ex', 'x'),
        # In "<<black>>", Pywikibot would see a color.
        ('a<<<<black>>', 'a black>>'),
        ('é' * 400, 'é' * 300),
        (None, 'None'),
    ],
)
def test_what_a_wiki_said_is_shown_in_one_line(text, line):
    assert errors.printable(text) == line
