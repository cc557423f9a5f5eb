"""The wiki that a command is for."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import pywikibot
from pywikibot import config

from pywikibot_oauth2.cli import sites
from pywikibot_oauth2.cli.answers import Answers
from pywikibot_oauth2.errors import EndpointError
from tests.cli.conftest import BY_API, NOWHERE, forget_configuration
from tests.helpers import forget_sites
from tests.sandbox import Sandbox
from tests.sandbox.config import FAMILY


@pytest.fixture
def moved(wiki):
    """Return the wiki that another one redirects to, whatever is asked."""
    with Sandbox(clock=wiki.clock, like=wiki.like) as other:
        options = {'status': 301, 'location': f'{other.url}/api.php'}
        wiki.fail_next('redirect', times=100, path='/', **options)
        yield other


def test_a_redirect_is_followed_to_the_wiki_that_is_set_up(
    stranger, wiki, moved, unattended
):
    forget_configuration(stranger)
    shown = unattended(f'-user:Bot -wiki:{wiki.url}/api.php')
    assert f'{wiki.url}/api.php redirects to {moved.url}/api.php' in shown
    assert f'authenticate[{moved.netloc!r}]' in stranger.config.read_text()
    assert not any(request.form.get('password') for request in wiki.requests)


def test_a_family_whose_host_redirects_is_told_where(moved, refused, keys):
    words = f'redirects to {moved.url}/api.php\nPut that host'
    refused(BY_API, 3, words, keys=keys)


def test_redirects_in_a_circle_end(stranger, wiki, refused):
    forget_configuration(stranger)
    location = f'{wiki.url}/loop/api.php'
    wiki.fail_next('redirect', times=100, path='/', location=location)
    options = f'-yes -user:Bot -wiki:{wiki.url}'
    shown = refused(options, 3, 'No api.php was found')
    assert 'authorization is kept' not in shown


@pytest.mark.parametrize('option', ['-site:wikipedia:test', '-lang:test'])
def test_a_site_that_is_named_needs_no_configuration(
    tmp_path, monkeypatch, option
):
    monkeypatch.setattr(config, 'family', 'wikipedia')
    monkeypatch.setattr(config, 'mylang', 'test')
    monkeypatch.setattr(pywikibot, 'argvu', ['pwb', option])
    site, url = sites.find_site(Answers([option]), tmp_path)
    assert (str(site), url) == ('wikipedia:test', None)


def test_the_address_of_a_page_or_of_the_api_finds_a_family(
    tmp_path, monkeypatch
):
    wikis = {'a': 'wiki.test', 'b': 'wiki.test', 'c': 'c.test', 'd': 'd.test'}
    wikis['e'] = urlsplit(NOWHERE).netloc
    paths = {'a': '/a', 'b': '/mediawiki', 'c': '/mediawiki', 'd': '', 'e': ''}
    text = FAMILY.format(langs=wikis, paths=paths)
    family = tmp_path / 'sandbox_family.py'
    family.write_text(text.replace("'http'", "'http' + 's' * (code < 'd')"))
    monkeypatch.setitem(config.family_files, 'sandbox', str(family))
    forget_sites(monkeypatch, tmp_path)
    for address, code in (
        ('https://c.test/wiki/Page', 'c'),
        ('https://c.test/?title=Page', 'c'),
        ('https://wiki.test/mediawiki/index.php/Page', 'b'),
        # The address of a page, as it once was
        ('http://wiki.test/a/index.php?title=X', 'a'),
        # The next step reports that it is not https.
        ('http://d.test/api.php', 'd'),
        (f'{NOWHERE}/index.php', 'e'),
    ):
        site, url = sites.find_site(Answers([f'-wiki:{address}']), tmp_path)
        assert (str(site), url) == (f'sandbox:{code}', None)
    # This is another wiki on the host of a family.
    with pytest.raises(EndpointError, match=f'found at {NOWHERE}/other, '):
        sites.find_site(Answers([f'-wiki:{NOWHERE}/other/api.php']), tmp_path)
