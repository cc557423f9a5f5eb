"""What -setup writes into user-config.py, and how."""

from __future__ import annotations

import pytest

from pywikibot_oauth2.cli import config_file
from pywikibot_oauth2.errors import ConfigurationError


IMPORT = 'import pywikibot_oauth2 as _oauth2\n'


def changed(before, **changes):
    """Return a configuration with OAuth 2.0 for a wiki turned on."""
    values = {
        'family': 'wikipedia',
        'code': 'en',
        'username': 'Bot',
        'keys': ['*.wikipedia.org'],
        'credentials': '.one.json',
    }
    return config_file.changed(before, **{**values, **changes})


def test_an_empty_configuration_gets_all_that_is_needed():
    assert changed('', options="redirect_uri='u'") == (
        "family = 'wikipedia'\n"
        "mylang = 'en'\n"
        "usernames['wikipedia']['en'] = 'Bot'\n"
        + IMPORT
        + "authenticate['*.wikipedia.org'] ="
        " _oauth2.OAuth2Auth.from_file('.one.json', redirect_uri='u')\n"
    )


def test_what_is_right_is_not_changed_wherever_it_stands():
    before = changed('') + '# the end\n'
    assert changed(before) == before


def test_other_lines_keep_their_places():
    own = IMPORT + "authenticate['y.org'] = _oauth2.OAuth2Auth('a', 'b')\n"
    assert changed(own).startswith(own)
    other = changed('', keys=['x.org'], credentials='.two.json')
    assert changed(other).startswith(other)


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


@pytest.mark.parametrize('code', ['en', '*'])
def test_an_account_that_is_configured_stays(code):
    before = f"usernames['wikipedia'][{code!r}] = 'Other'\n"
    assert 'Bot' not in changed(before)


def test_a_client_finds_its_credentials_and_another_one_a_free_path(tmp_path):
    first = config_file.credentials_path(tmp_path, 'a' * 32)
    config_file.write_credentials(first, {'client_id': 'a' * 32})
    assert first.stat().st_mode & 0o777 == 0o600
    assert config_file.credentials_path(tmp_path, 'a' * 32) == first
    for client_id in ('b' * 32, None):
        path = config_file.credentials_path(tmp_path, client_id)
        assert path.name == '.pywikibot-oauth2-2.json'


def test_a_configuration_that_does_not_load_replaces_nothing(tmp_path):
    path = tmp_path / 'user-config.py'
    path.write_text('family = "wikipedia"\n')
    with pytest.raises(ConfigurationError, match='ZeroDivisionError'):
        config_file.replace(path, '1 / 0\n')
    assert path.read_text() == 'family = "wikipedia"\n'
    assert [file.name for file in tmp_path.glob('*user-config*')] == [
        'user-config.py'
    ]


def test_a_link_stays_one_and_each_old_file_is_kept(tmp_path):
    path, target = tmp_path / 'user-config.py', tmp_path / 'real.py'
    target.write_text('# old\n')
    path.symlink_to(target)
    # The new one finds the files beside the old one when it is tried.
    (tmp_path / 'more.txt').touch()
    new = 'open(base_dir + "/more.txt").close()\n'
    backups = [config_file.replace(path, new) for _ in range(2)]
    assert path.is_symlink()
    assert target.read_text() == new
    assert [backup.read_text() for backup in backups] == ['# old\n', new]
