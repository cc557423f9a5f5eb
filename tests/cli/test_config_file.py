"""What -setup writes into user-config.py, and how."""

from __future__ import annotations

import pytest

from pywikibot_oauth2.cli import config_file
from pywikibot_oauth2.errors import ConfigurationError


IMPORT = 'import pywikibot_oauth2 as _oauth2\n'


def changed(before, **changes):
    """Return a configuration in which OAuth 2.0 is on for a wiki."""
    values = {
        'family': 'wikipedia',
        'code': 'en',
        'username': 'Bot',
        'keys': ['*.wikipedia.org'],
        'credentials': '.one.json',
    }
    return config_file.changed(before, **{**values, **changes})


def test_an_empty_configuration_gets_everything_that_is_needed():
    after = (
        "family = 'wikipedia'\n"
        "mylang = 'en'\n"
        "usernames['wikipedia']['en'] = 'Bot'\n"
        + IMPORT
        + "authenticate['*.wikipedia.org'] ="
        " _oauth2.OAuth2Auth.from_file('.one.json', redirect_uri='u')\n"
    )
    assert changed('', options="redirect_uri='u'") == after
    assert 'Bot' not in changed('# mine\n', username=None)


@pytest.mark.parametrize(
    ('changes', 'keys'),
    [
        ({'credentials': '.two.json'}, ['*.wikipedia.org']),
        ({'keys': ['x.org']}, ['*.wikipedia.org', 'x.org']),
        ({'options': 'owner_only=True'}, ['*.wikipedia.org']),
    ],
)
def test_an_older_line_for_the_same_client_or_wiki_is_replaced(changes, keys):
    after = changed(changed(''), **changes)
    assert after.count('from_file') == 1
    assert after.count('authenticate[') == len(keys)
    for key in keys:
        assert f'authenticate[{key!r}]' in after


@pytest.mark.parametrize(
    'before',
    [
        '# mine\r\nfamily = "wikipedia"\r\n\r\n',
        '\n# no line feed at the end',
        '# a page\x0cbreak\n_x = "a\u2028b"\n\n',
        '# one\r\n# two\n',
        f"{IMPORT}authenticate['y.org'] = _oauth2.OAuth2Auth('a', 'b')\n",
        changed('', keys=['x.org'], credentials='.two.json'),
    ],
)
def test_what_is_there_stays_to_the_last_byte_wherever_it_stands(before):
    after = changed(before)
    assert after.startswith(before)
    for text in (after, f'{after}# the end\n'):
        assert changed(text) == text
    if before.startswith('# mine'):
        assert after.count('\n') == after.count('\r\n')


def test_a_byte_order_mark_is_kept(tmp_path):
    path = tmp_path / 'user-config.py'
    path.write_bytes(b'\xef\xbb\xbf# \xc3\xb6\n')
    before = config_file.read(path)
    assert changed(before).encode().startswith(path.read_bytes())


@pytest.mark.parametrize(
    'content',
    [b'# coding: latin-1\n# \xf6\n', b'# coding: latin-1\n', b'# coding: x\n'],
)
def test_a_file_that_is_not_utf_8_is_reported(tmp_path, content):
    path = tmp_path / 'user-config.py'
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match='remove a line'):
        config_file.read(path)


def test_a_client_finds_its_credentials_and_another_one_a_free_path(tmp_path):
    known = {'client_id': 'a', 'client_secret': 'b'}
    first = config_file.credentials_path(tmp_path, known)
    first.write_bytes(config_file.content_of(known))
    assert config_file.credentials_path(tmp_path, known) == first
    (tmp_path / '.pywikibot-oauth2-a.json').mkdir()
    for other in known | {'client_secret': 'a'}, {}:
        path = config_file.credentials_path(tmp_path, other)
        assert path.name == '.pywikibot-oauth2-2.json'
    # A person may have left what is not used empty.
    first.write_bytes(config_file.content_of({**known, 'access_token': ''}))
    assert config_file.credentials_path(tmp_path, known) == first
    first.write_text('{}')
    assert config_file.credentials_path(tmp_path, {}) != first


def test_a_configuration_that_does_not_load_replaces_nothing(tmp_path):
    path = tmp_path / 'user-config.py'
    path.write_text('family = "wikipedia"\n')
    with pytest.raises(ConfigurationError, match='ZeroDivisionError'):
        config_file.rehearse(path, '1 / 0\n', tmp_path / '.one.json')
    assert path.read_text() == 'family = "wikipedia"\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_of_the_owner_for_the_same_credentials_is_loaded(tmp_path):
    path = tmp_path / 'user-config.py'
    for options in '', ', owner_only=True':
        new = 'from pywikibot_oauth2 import OAuth2Auth\n'
        new += f"OAuth2Auth.from_file('.one.json'{options})\n"
        config_file.rehearse(path, new, tmp_path / '.one.json')


def test_nothing_in_the_working_directory_is_run(tmp_path, monkeypatch):
    (tmp_path / 'pywikibot.py').write_text('raise SystemExit("planted")')
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'mine'
    folder.mkdir()
    path = folder / 'user-config.py'
    config_file.rehearse(path, '', folder / '.one.json')


def test_a_link_stays_one_and_each_old_file_is_kept(tmp_path):
    path, target = tmp_path / 'user-config.py', tmp_path / 'real.py'
    target.write_text('# old\n')
    path.symlink_to(target)
    # The new one finds the files beside the old one when it is tried.
    (tmp_path / 'more.txt').touch()
    new = '# (ö)\nopen(base_dir + "/more.txt").close()\n'
    config_file.rehearse(path, new, tmp_path / '.one.json')
    assert target.read_text() == '# old\n'
    backups = [config_file.replace(path, new) for _ in range(2)]
    assert path.is_symlink()
    assert target.read_text('utf-8') == new
    assert [each.read_text('utf-8') for each in backups] == ['# old\n', new]
    # They may hold secrets, such as those of OAuth 1.0a.
    assert {each.stat().st_mode & 0o777 for each in backups} == {0o600}
