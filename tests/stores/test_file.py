"""Tests of the token file, with real files, disks, processes and users."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pywikibot import config
from pywikibot.tools import as_filename

from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.stores.file import FileStore
from tests.faults.dying import die_at
from tests.helpers import raises, shown
from tests.stores import contract
from tests.stores.contract import ACCOUNT, CLIENT, KEY, authorization, keep
from tests.strategies import anything, examples, mixed, values


NOBODY = 65534
KB = 1 << 10
OTHER = ACCOUNT, 'other'
OF_OTHER = authorization(client='other')


class FilePlace:
    """A folder with token files, for any process."""

    def __init__(self, folder):
        self.brief = {}
        self.folder = str(folder)
        self.name = str(self.path)

    @property
    def path(self):
        return Path(self.folder, 'pywikibot-Bot.oauth2.json')

    def open(self, **options):
        config.base_dir = self.folder
        return FileStore(**options)

    def write(self, content):
        self.path.touch(mode=0o600)
        self.path.write_bytes(content)

    def read(self):
        return self.path.read_bytes()

    def is_free(self, account=ACCOUNT):
        store = FileStore(lock_timeout=0)
        with suppress(StoreError), store.lock(account, CLIENT):
            return True
        return False


@pytest.fixture
def place(folder):
    return FilePlace(folder)


@contextmanager
def mount(*arguments):
    """Mount something; skip where that is not allowed, but not in CI."""
    done = subprocess.run(['mount', *arguments], capture_output=True)
    if done.returncode:
        if os.environ.get('CI'):
            pytest.fail(done.stderr.decode())
        pytest.skip('nothing can be mounted here')
    try:
        yield
    finally:
        # A test may have left a file on it open.
        subprocess.run(['umount', '--lazy', arguments[-1]], check=True)


def state(path):
    """Return what must not change."""
    status = path.lstat()
    content = path.read_bytes() if path.is_file() else None
    return content, status.st_mode, status.st_uid, status.st_ino


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def drafts(folder):
    return list(Path(folder).glob('*.tmp'))


def left_open(folder):
    """Return the files in a folder that this process has open."""
    found = []
    for link in Path('/proc/self/fd').iterdir():
        with suppress(FileNotFoundError):  # that of the folder itself
            found.append(os.readlink(link))
    return [path for path in found if path.startswith(str(folder))]


def lock(store):
    with store.lock(*KEY):
        pass


def tried(store):
    """Use a store in every way; return the error of each, or None."""
    errors = []
    for use, *arguments in (
        (store.load, *KEY),
        # What is stored may not be shown; this is what the caller has.
        (store.save, *KEY, authorization(token={})),
        (store.forget, *KEY),
        (store.reserve, *KEY),
        (lock, store),
    ):
        error = None
        try:
            use(*arguments)
        except StoreError as found:
            error = found
        errors.append(error)
    return errors


def check_refused(errors, place, code, words):
    """Check that all these uses were refused for the same reason."""
    for error in errors:
        assert error.error == code
        assert words in str(error)
        assert str(place.path) in str(error)


class TestContract(contract.StoreContract):
    """The token file keeps what every store promises."""


def test_it_is_named_after_the_cookie_jar(store, path):
    assert store.path('Bot') == path
    for account in 'Bot', 'Bot of Ä', 'A/B', 'Bot@x', 'Ωλ':
        jar = config.datafilepath(f'pywikibot-{as_filename(account)}.lwp')
        assert store.where(account) == jar[: -len('.lwp')] + '.oauth2.json'


def test_it_has_exactly_this_layout_and_nothing_beside_it(store, folder, path):
    for _ in range(2):
        store.save(*KEY, authorization())
    assert json.loads(path.read_text('ascii')) == {
        'version': 1,
        'account': ACCOUNT,
        'authorizations': {CLIENT: authorization()},
    }
    assert list(folder.iterdir()) == [path]
    assert not left_open(folder)


@pytest.mark.parametrize('by_variable', [False, True])
def test_it_can_be_in_a_chosen_folder(folder, monkeypatch, by_variable):
    monkeypatch.setenv('HOME', str(folder))
    tokens = folder / 'some' / 'tokens'
    own = '~/some/tokens'
    named = own if by_variable else '/nowhere'
    monkeypatch.setenv('PYWIKIBOT_OAUTH2_FOLDER', named)
    store = FileStore(None if by_variable else own)
    assert store.path('Bot') == tokens / 'pywikibot-Bot.oauth2.json'
    assert store.load(*KEY) is None
    assert not tokens.exists()
    keep(store, authorization())
    assert mode(tokens) == 0o700
    assert FileStore(tokens).load(*KEY) == authorization()
    # The error is raised where user-config.py names the folder.
    with pytest.raises(TypeError):
        FileStore(['tokens'])


def test_a_chosen_folder_that_others_can_write_to_is_refused(folder):
    tokens = folder / 'tokens'
    store = FileStore(tokens)
    keep(store, authorization())
    for others in 0o020, 0o002, 0o077:
        tokens.chmod(0o700 | others)
        for error in tried(store):
            assert (error.error, error.hint) == ('exposed_folder', str(tokens))
    # Pywikibot decides about its own folder.
    FilePlace(tokens).open().load(*KEY)


def test_a_file_of_another_account_is_refused_with_both_names(store):
    # as_filename gives both accounts the same name.
    store.save('A/B', CLIENT, authorization('A/B'))
    path = store.path('A_B')
    before = state(path)
    for use, *arguments in (
        (store.load, 'A_B', 'another'),
        (store.save, 'A_B', CLIENT, authorization('A_B')),
        (store.reserve, 'A_B', CLIENT),
    ):
        with raises(StoreError, "'A/B', not for 'A_B'", error='shared_name'):
            use(*arguments)
    assert state(path) == before


def test_authorizations_for_other_clients_are_kept(store, path):
    store.forget(*KEY)
    assert not path.exists()
    save = store.reserve(*KEY)
    store.save(*OTHER, OF_OTHER)
    save(authorization(text='gone'))
    assert store.load(*OTHER) == OF_OTHER
    store.forget(*KEY)
    assert store.load(*KEY) is None
    assert store.load(*OTHER) == OF_OTHER
    assert 'gone' not in path.read_text()
    before = state(path)
    store.forget(*KEY)
    assert state(path) == before


def test_its_mode_is_0600_whatever_the_umask(store, folder, path):
    umask = os.umask(0)
    try:
        with store.lock(*KEY):
            save = store.reserve(*KEY)
            assert {mode(file) for file in folder.iterdir()} == {0o600}
            save(authorization())
            assert {mode(file) for file in folder.iterdir()} == {0o600}
    finally:
        os.umask(umask)
    assert mode(path) == 0o600


def test_a_file_open_to_others_is_closed_with_a_warning(store, path, said):
    store.save(*KEY, authorization())
    text = f'{path} could be read by others; its mode is now 0600.'
    for before in 0o644, 0o640, 0o604, 0o622, 0o666, 0o600, 0o400:
        is_open = before & 0o077
        path.chmod(before)
        for _ in range(2):
            assert store.load(*KEY) == authorization()
        assert mode(path) == (0o600 if is_open else before)
        assert said == ([text] if is_open else [])
        said.clear()


def whole(**changes):
    authorizations = {CLIENT: authorization(), 'other': authorization()}
    data = {'version': 1, 'account': ACCOUNT, 'authorizations': authorizations}
    return json.dumps({**data, **changes}).encode()


DAMAGES = {
    'it is not a JSON object': [whole()[:-20], whole() * 2, b'{"a": "\xe4"}'],
    'it is empty': [b''],
    'it is not a token file': [
        *(b'{}', whole(version=None), whole(version=0), whole(version='1')),
        *(whole(account=None), whole(authorizations=[])),
    ],
    'a newer release (version 2)': [whole(version=2, account=5)],
}


@pytest.mark.parametrize(
    ('content', 'reason'),
    [(content, reason) for reason in DAMAGES for content in DAMAGES[reason]],
)
def test_a_damaged_file_is_reported_in_every_use_and_left_as_it_is(
    place, store, folder, path, content, reason
):
    place.write(content)
    before = state(path)
    *errors, _ = tried(store)
    for error in errors:
        assert error.hint == str(path)
        assert str(path) in str(error)
        assert reason in str(error)
        assert contract.SECRET not in shown(error)
    assert state(path) == before
    assert not drafts(folder)


NESTED = b'"NESTED"', b'[' * 900 + b']' * 900
LONG = b'"NESTED"', b'9' * 5000


@pytest.mark.usefixtures('keeps_garbage')
@examples(150)
@given(
    st.binary(max_size=100)
    | st.builds(
        lambda start, end, middle: whole()[:start] + middle + whole()[end:],
        st.integers(0, len(whole())),
        st.integers(0, len(whole())),
        st.binary(max_size=8),
    )
    | mixed(authorizations=values | st.dictionaries(anything, values)).map(
        lambda fields: json.dumps({**json.loads(whole()), **fields}).encode()
    )
)
@example(b'[' * 100_000)
@example(whole(authorizations={'a': 'NESTED'}).replace(*NESTED))
@example(whole(authorizations={'a': 'NESTED'}).replace(*LONG))
def test_any_file_is_left_as_it_is_or_kept_when_saved(place, store, content):
    place.write(content)
    new = authorization(client='new')
    try:
        store.load(*KEY)
        assert place.read() == content
        keep(store, new)
    except StoreError:
        assert place.read() == content
        return
    assert store.load(ACCOUNT, 'new') == new
    kept, before = (
        json.loads(text)['authorizations'] for text in (place.read(), content)
    )
    # The texts are compared because NaN is not equal to itself.
    assert json.dumps(kept) == json.dumps({**before, 'new': new})


@pytest.mark.parametrize(
    'make', [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)]
)
def test_what_is_not_a_file_is_reported_at_once_and_left_as_it_is(
    place, store, folder, path, make
):
    make(path)
    before = state(path)
    # A pipe does not make it wait.
    *errors, _ = tried(store)
    check_refused(errors, place, 'unreadable', '')
    assert not left_open(folder)
    assert state(path) == before
    assert set(folder.iterdir()) == {path, folder / f'{path.name}.lock'}


@pytest.mark.parametrize('is_there', [True, False])
def test_the_target_of_a_link_is_replaced(store, folder, path, is_there):
    target = folder / 'elsewhere' / 'tokens.json'
    target.parent.mkdir()
    if is_there:
        store.save(*OTHER, OF_OTHER)
        path.rename(target)
    path.symlink_to(target)
    store.save(*KEY, authorization())
    assert path.is_symlink()
    assert mode(target) == 0o600
    assert list(target.parent.iterdir()) == [target]
    assert store.load(*KEY) == authorization()
    assert (store.load(*OTHER) is not None) == is_there


def test_a_link_into_a_folder_that_is_gone_is_reported(store, folder, path):
    path.symlink_to(folder / 'gone' / 'tokens.json')
    with raises(StoreError, 'No such file', error='not_writable'):
        store.save(*KEY, authorization())
    assert path.is_symlink()


def test_a_folder_that_cannot_be_entered_is_not_taken_for_missing(folder):
    folder = folder / 'loop'
    folder.symlink_to(folder)
    loaded, *written, _ = tried(FileStore(folder))
    words = 'cannot be read: Too many levels of symbolic links'
    check_refused((loaded, *written), FilePlace(folder), 'unreadable', words)


def test_all_links_to_a_file_share_its_lock(place, store, path):
    store.path('Other').symlink_to(path.name)
    with store.lock(*KEY):
        assert not place.is_free('Other')


def test_a_reservation_does_not_wait_for_a_lock_that_has_ended(store, folder):
    # For example, a signal handler uses another account in between.
    with store.lock(*KEY):
        with store.lock('Other', CLIENT):
            store.reserve('Other', CLIENT)
        assert not drafts(folder)
        store.reserve(*KEY)
    assert not drafts(folder)


@pytest.mark.parametrize('padding', [0, 100 * KB])
def test_reserving_takes_space_that_leaving_gives_back(store, folder, padding):
    store.save(*OTHER, {**OF_OTHER, 'p': 'x' * padding})
    with pytest.raises(KeyError), store.lock(*KEY):
        store.reserve(*KEY)
        (draft,) = drafts(folder)
        status = draft.stat()
        assert status.st_size >= max(64 * KB, 2 * padding)
        assert status.st_blocks * 512 >= status.st_size
        assert mode(draft) == 0o600
        raise KeyError
    assert not drafts(folder)
    with store.lock(*KEY):
        store.reserve(*KEY)
    assert not drafts(folder)


def test_drafts_of_killed_processes_last_an_hour(store, folder, path):
    old, new, foreign = (
        folder / name
        for name in (f'{path.name}.1.tmp', f'{path.name}.2.tmp', 'a.tmp')
    )
    for file, age in (old, 3700), (new, 3500), (foreign, 3700):
        file.touch()
        os.utime(file, (0, time.time() - age))
    store.save(*KEY, authorization())
    assert set(folder.iterdir()) == {path, new, foreign}


def test_it_is_on_the_disk_before_it_gets_its_name(store, path, monkeypatch):
    store.save(*KEY, authorization(text='old'))
    old = path.read_bytes()
    seen = []
    fsync = os.fsync

    def watched(descriptor):
        fsync(descriptor)
        status = os.fstat(descriptor)
        is_folder = stat.S_ISDIR(status.st_mode)
        size = None if is_folder else status.st_size
        seen.append((size, path.read_bytes()))

    monkeypatch.setattr(os, 'fsync', watched)
    store.reserve(*KEY)(authorization(text='new'))
    new = path.read_bytes()
    # Its place, the file itself, and the folder with its new name.
    assert seen == [(64 * KB, old), (len(new), old), (None, new)]
    seen.clear()
    # What is known needs no more room than it takes.
    store.save(*KEY, authorization(text='old'))
    assert seen == [(len(old), new), (None, old)]


def test_a_token_file_that_is_a_mount_is_refused(store, folder, path):
    store.save(*KEY, authorization())
    outside = folder / 'outside.json'
    shutil.copy(path, outside)
    before = state(path)
    with mount('--bind', str(outside), str(path)):
        assert store.load(*KEY) == authorization()
        words = 'the file itself is mounted'
        with raises(StoreError, words, error='not_replaceable'):
            store.reserve(*KEY)
        assert not drafts(folder)
        # Another mount may hide it.
        with mount('-t', 'tmpfs', 'tmpfs', str(folder)):
            keep(store, authorization())
            keep(store, authorization(text='new'))
    assert state(path) == before
    # A mount of the folder is what the message recommends.
    mounted = folder / 'mounted'
    mounted.mkdir()
    with mount('--bind', str(folder), str(mounted)):
        keep(FileStore(mounted), authorization(text='new'))
    assert store.load(*KEY) == authorization(text='new')


def test_a_read_only_file_system_is_reported_as_such(folder):
    what = '-t', 'tmpfs', '-o', 'ro,mode=700', 'tmpfs', str(folder)
    with mount(*what), raises(StoreError, error='not_replaceable'):
        FileStore(folder).reserve(*KEY)


def fill(disk):
    """Fill a disk; return the file that fills it."""
    ballast = disk / 'ballast'
    with suppress(OSError), ballast.open('wb', 0) as file:
        while file.write(bytes(KB)):
            pass
    return ballast


def test_a_full_disk_is_reported_in_advance_and_loses_nothing(folder):
    disk = folder / 'disk'
    disk.mkdir()
    store = FileStore(disk)
    path = store.path(ACCOUNT)
    with mount('-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', str(disk)):
        store.save(*KEY, authorization(text='old'))
        save = store.reserve(*KEY)
        ballast = fill(disk)
        save(authorization(text='new'))
        before = state(path)
        fill(disk)
        facts = {'error': 'no_space', 'hint': str(path)}
        with raises(StoreError, 'No space left', **facts):
            store.reserve(*KEY)
        assert state(path) == before
        assert store.load(*KEY) == authorization(text='new')
        assert set(disk.iterdir()) == {path, ballast}
        ballast.unlink()
        store.save(*KEY, authorization())


def test_a_read_only_folder_is_reported_in_advance_and_left_as_it_is(said):
    import filelock  # noqa: F401 - the user may not be able to import it

    user = os.getuid() or NOBODY
    with tempfile.TemporaryDirectory() as folder:
        store, place = FileStore(folder), FilePlace(folder)
        place.write(whole())
        for path in place.path, folder:
            os.chown(path, user, -1)
        os.chmod(folder, 0o500)
        before = state(place.path)
        os.seteuid(user)
        try:
            loaded, *written, locked = tried(store)
            place.path.chmod(0)
            *refused, _ = tried(store)
            place.path.chmod(0o600)
        finally:
            os.seteuid(os.getuid())
        assert (loaded, locked) == (None, None)
        words = 'cannot be written: Permission denied'
        check_refused(written, place, 'not_writable', words)
        words = 'cannot be read: Permission denied'
        check_refused(refused, place, 'unreadable', words)
        assert state(place.path) == before
        os.chmod(folder, 0o700)
    (text,) = said
    assert f'{place.path}.lock cannot be locked' in text


@pytest.mark.skipif(os.getuid() != 0, reason='only root gives files away')
@pytest.mark.parametrize('permissions', [0o600, 0o644])
def test_a_file_of_another_user_is_refused_and_left_as_it_is(
    place, store, path, said, permissions
):
    place.write(whole())
    path.chmod(permissions)
    os.chown(path, NOBODY, NOBODY)
    before = state(path)
    *errors, _ = tried(store)
    check_refused(errors, place, 'unreadable', 'it belongs to another user')
    assert state(path) == before
    assert said == []


def test_a_file_system_without_locks_is_reported_once_and_used(
    place, store, folder, path, said, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.ENOSYS, 'Function not implemented')

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, 'flock', refuse)
        for _ in range(3):
            keep(store, authorization())
    (text,) = said
    assert f'{path}.lock cannot be locked' in text
    # Nothing is left behind that would lock others out.
    assert set(folder.iterdir()) == {path, folder / f'{path.name}.lock'}
    assert place.is_free()


def test_a_lock_that_is_not_released_is_reported_or_interrupted(place, path):
    facts = {'error': 'lock_timeout', 'hint': f'{path}.lock'}
    interrupt = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    with contract.process(contract.hold, place, {}) as child:
        assert child.hear() == 'held'
        with raises(StoreError, 'for 0.2 seconds', **facts) as info:
            lock(place.open(lock_timeout=0.2))
        assert f'{path}.lock' in str(info.value)
        with pytest.raises(KeyboardInterrupt):
            interrupt.start()
            lock(place.open())


def die_at_step(place, number, wire):
    """Save, and be killed just before the n-th step."""
    store = place.open()
    die_at(number)
    keep(store, authorization(text='new'))
    sys.setprofile(None)


def test_a_process_killed_at_any_step_leaves_a_whole_file(place, store, path):
    keep(store, OF_OTHER)
    seen = []
    for number in range(1, 99):
        keep(store, authorization(text='old'))
        with contract.process(die_at_step, place, number) as child:
            child.process.join(contract.SECONDS)
            if child.process.exitcode == 0:
                break
        seen.append(store.load(*KEY)['text'])
        assert store.load(*OTHER) == OF_OTHER
        assert mode(path) == 0o600
        assert place.is_free()
    # Some were killed before the file was replaced, and some after that.
    assert sorted(set(seen), reverse=True) == ['old', 'new']
    assert seen == sorted(seen, reverse=True)


def fork_under_a_lock(place, wire):
    with place.open().lock(*KEY):
        child = os.fork()
        if child:
            wire.send(child)
        signal.pause()


def test_a_child_does_not_keep_the_lock_of_a_killed_process(place, store):
    with contract.process(fork_under_a_lock, place) as parent:
        child = parent.hear()
        assert not place.is_free()
        parent.end()
        try:
            # The child may not have run yet.
            keep(store, authorization())
        finally:
            os.kill(child, signal.SIGKILL)
