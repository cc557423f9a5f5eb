"""Tests of the token file, with real files, disks, processes and users."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import platform
import resource
import shutil
import signal
import stat
import struct
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
from tests.stores.contract import (
    ACCOUNT,
    CLIENT,
    SECONDS,
    SECRET,
    StoreContract,
    answer,
    authorization,
    hold,
    keep,
    listening,
    process,
    shown,
)
from tests.strategies import anything, examples, mixed, values


NOBODY = 65534
KB = 1 << 10


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
        with (
            suppress(StoreError),
            FileStore(lock_timeout=0).lock(account, CLIENT),
        ):
            return True
        return False


@pytest.fixture
def place(folder):
    return FilePlace(folder)


@pytest.fixture
def store(place):
    return FileStore(lock_timeout=0.2)


@pytest.fixture
def path(place):
    return place.path


@pytest.fixture
def as_user():
    """Return a place that a user without privileges reaches, and that user."""
    folder = Path(tempfile.mkdtemp(prefix='pywikibot-oauth2-'))
    uid = os.getuid() or NOBODY
    os.chown(folder, uid, -1)
    yield FilePlace(folder), uid
    folder.chmod(0o700)
    shutil.rmtree(folder)


@contextmanager
def mount(*arguments):
    """Mount something; skip where that is not allowed, but not in CI."""
    target = arguments[-1]
    done = subprocess.run(['mount', *arguments], capture_output=True)
    if done.returncode:
        if os.environ.get('CI'):
            pytest.fail(done.stderr.decode())
        pytest.skip('nothing can be mounted here')
    try:
        yield
    finally:
        subprocess.run(['umount', target], check=True)


def state(path):
    """Return what must not change."""
    status = path.lstat()
    return path.read_bytes(), status.st_mode, status.st_uid, status.st_ino


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def uses(store):
    """Return the ways to use a store, each as a function."""

    return [
        lambda: store.load(ACCOUNT, CLIENT),
        # What is stored may not be shown; this is what the caller has.
        lambda: store.save(ACCOUNT, CLIENT, authorization(token={})),
        lambda: store.forget(ACCOUNT, CLIENT),
        lambda: store.reserve(ACCOUNT, CLIENT),
    ]


def refusals(store, *others):
    """Return the errors of all ways to use a store."""
    errors = []
    for use in (*uses(store), *others):
        with pytest.raises(StoreError) as info:
            use()
        errors.append(info.value)
    return errors


def try_all(place, wire):
    """Use a store in every way; send the codes, messages and warnings."""
    done = []
    with listening() as said:
        store = place.open()
        for use in (*uses(store), store.lock(ACCOUNT, CLIENT).__enter__):
            try:
                use()
            except (StoreError, AssertionError) as error:
                done.append((getattr(error, 'error', None), str(error)))
            else:
                done.append(None)
    wire.send((done, said))


def check_refused(place, code, words, done):
    """Check the ways that were tried: each is refused, nothing changed."""
    for found, message in done:
        assert found == code
        assert words in message
        assert str(place.path) in message


class TestContract(StoreContract):
    """The token file keeps what every store promises."""


# The name, the folder and the layout


def test_it_is_named_after_the_cookie_jar(store, folder):
    assert store.path('Bot') == folder / 'pywikibot-Bot.oauth2.json'
    for account in ('Bot', 'Bot of Ä', 'A/B', 'Bot@x', 'Ωλ'):
        jar = config.datafilepath(f'pywikibot-{as_filename(account)}.lwp')
        assert store.where(account) == jar[: -len('.lwp')] + '.oauth2.json'


def test_it_has_exactly_this_layout_and_nothing_beside_it(store, folder, path):
    store.save(ACCOUNT, CLIENT, authorization())
    assert json.loads(path.read_text('ascii')) == {
        'version': 1,
        'account': ACCOUNT,
        'authorizations': {CLIENT: authorization()},
    }
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize('by_variable', [False, True])
def test_it_can_be_in_a_folder_of_ones_own(folder, monkeypatch, by_variable):
    monkeypatch.setenv('HOME', str(folder))
    tokens = folder / 'some' / 'tokens'
    own = '~/some/tokens'
    monkeypatch.setenv(
        'PYWIKIBOT_OAUTH2_FOLDER', own if by_variable else '/nowhere'
    )
    store = FileStore(None if by_variable else own)
    assert store.path('Bot') == tokens / 'pywikibot-Bot.oauth2.json'
    assert store.load(ACCOUNT, CLIENT) is None
    assert not tokens.exists()
    keep(store, authorization())
    assert mode(tokens) == 0o700
    assert FileStore(tokens).load(ACCOUNT, CLIENT) == authorization()


def test_a_folder_of_ones_own_that_others_can_write_to_is_refused(folder):
    tokens = folder / 'tokens'
    store = FileStore(tokens)
    keep(store, authorization())
    for others in (0o020, 0o002, 0o077):
        tokens.chmod(0o700 | others)
        for error in refusals(store, store.lock(ACCOUNT, CLIENT).__enter__):
            assert (error.error, error.hint) == ('exposed_folder', str(tokens))
    # Pywikibot's folder is as Pywikibot wants it.
    FilePlace(tokens).open().load(ACCOUNT, CLIENT)


def test_a_file_of_another_account_is_refused_with_both_names(store):
    # as_filename gives both accounts the same name.
    store.save('A/B', CLIENT, authorization('A/B'))
    path = store.path('A_B')
    before = state(path)
    for use in (
        lambda: store.load('A_B', 'another'),
        lambda: store.save('A_B', CLIENT, authorization('A_B')),
        lambda: store.reserve('A_B', CLIENT),
    ):
        with pytest.raises(StoreError, match="'A/B', not for 'A_B'") as info:
            use()
        assert info.value.error == 'shared_name'
    assert state(path) == before


def test_a_forgotten_authorization_is_gone_and_others_are_kept(store, path):
    store.forget(ACCOUNT, CLIENT)
    assert not path.exists()
    store.save(ACCOUNT, CLIENT, authorization(text='gone'))
    store.save(ACCOUNT, 'other', authorization(client='other'))
    store.forget(ACCOUNT, CLIENT)
    assert store.load(ACCOUNT, CLIENT) is None
    assert store.load(ACCOUNT, 'other') == authorization(client='other')
    assert 'gone' not in path.read_text()
    before = state(path)
    store.forget(ACCOUNT, CLIENT)
    assert state(path) == before


# The mode


def test_its_mode_is_0600_whatever_the_umask(store, folder, path):
    umask = os.umask(0)
    try:
        with store.lock(ACCOUNT, CLIENT):
            save = store.reserve(ACCOUNT, CLIENT)
            assert {mode(file) for file in folder.iterdir()} == {0o600}
            save(authorization())
            assert {mode(file) for file in folder.iterdir()} == {0o600}
    finally:
        os.umask(umask)
    assert mode(path) == 0o600


def test_a_file_that_others_can_read_is_closed_with_a_warning(
    store, path, said
):
    store.save(ACCOUNT, CLIENT, authorization())
    text = f'{path} could be read by others; its mode is now 0600.'
    for before in (0o644, 0o640, 0o604, 0o622, 0o666, 0o600, 0o400):
        is_open = before & 0o077
        path.chmod(before)
        for _ in range(2):
            assert store.load(ACCOUNT, CLIENT) == authorization()
        assert mode(path) == (0o600 if is_open else before)
        assert said == ([text] if is_open else [])
        said.clear()


# What is not a token file


def whole(**changes):
    authorizations = {CLIENT: authorization(), 'other': authorization()}
    data = {'version': 1, 'account': ACCOUNT, 'authorizations': authorizations}
    return json.dumps({**data, **changes}).encode()


DAMAGES = {
    'it is not a JSON object': [
        *(whole()[:-20], whole()[:99], whole() * 2, bytes(4096)),
        *(b'\xff\xfe\xfd' + whole(), b'{"a": "\xe4"}', b'#LWP-Cookies-2.0\n'),
    ],
    'it is empty': [b''],
    'it is too large': [b' ' * 2_000_000 + whole()],
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
    for error in refusals(store):
        assert error.hint == str(path)
        assert str(path) in str(error)
        assert reason in str(error)
        assert SECRET not in shown(error)
    assert state(path) == before
    assert list(folder.iterdir()) == [path]


NESTED = b'"NESTED"', b'[' * 900 + b']' * 900
LONG = b'"NESTED"', b'9' * 5000


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
def test_any_file_is_reported_and_left_as_it_is_or_kept_when_saved(
    place, store, content
):
    place.write(content)
    new = authorization(client='new')
    try:
        store.load(ACCOUNT, CLIENT)
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


def open_files():
    """Return the paths of the files that this process has open."""
    for link in Path('/proc/self/fd').iterdir():
        with suppress(FileNotFoundError):  # that of the folder itself
            yield os.readlink(link)


@pytest.mark.parametrize(
    'make', [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)]
)
def test_what_is_not_a_file_is_reported_at_once_and_left_as_it_is(
    place, store, folder, path, make
):
    make(path)
    before = path.lstat()
    # In another process, because a pipe could make it wait for ever.
    (*done, _), _ = answer(try_all, place)
    for code, message in done:
        assert code == 'unreadable'
        assert str(path) in message
    refusals(store)
    assert not [each for each in open_files() if each.startswith(str(folder))]
    after = path.lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert set(folder.iterdir()) == {path, folder / f'{path.name}.lock'}


# Symbolic links


@pytest.mark.parametrize('is_there', [True, False])
def test_a_symbolic_link_stays_one_and_its_target_is_replaced(
    store, folder, path, is_there
):
    target = folder / 'elsewhere' / 'tokens.json'
    target.parent.mkdir()
    if is_there:
        store.save(ACCOUNT, 'other', authorization(client='other'))
        path.rename(target)
    path.symlink_to(target)
    store.save(ACCOUNT, CLIENT, authorization())
    assert path.is_symlink()
    assert mode(target) == 0o600
    assert list(target.parent.iterdir()) == [target]
    assert store.load(ACCOUNT, CLIENT) == authorization()
    assert (store.load(ACCOUNT, 'other') is not None) == is_there


def test_a_link_into_a_folder_that_is_gone_is_reported(store, folder, path):
    path.symlink_to(folder / 'gone' / 'tokens.json')
    with pytest.raises(StoreError, match='No such file') as info:
        store.save(ACCOUNT, CLIENT, authorization())
    assert (info.value.error, path.is_symlink()) == ('not_writable', True)


def test_all_links_to_a_file_share_its_lock(store, path):
    store.path('Other').symlink_to(path.name)
    with (
        store.lock(ACCOUNT, CLIENT),
        pytest.raises(StoreError),
        store.lock('Other', CLIENT),
    ):
        raise AssertionError


# The place for the next token


def drafts(folder):
    return list(folder.glob('*.tmp'))


@pytest.mark.parametrize('padding', [0, 100 * KB])
def test_reserving_takes_the_space_and_leaving_gives_it_back(
    store, folder, padding
):
    data = authorization(client='other', p='x' * padding)
    store.save(ACCOUNT, 'other', data)
    with pytest.raises(KeyError), store.lock(ACCOUNT, CLIENT):
        store.reserve(ACCOUNT, CLIENT)
        (draft,) = drafts(folder)
        status = draft.stat()
        assert status.st_size >= max(64 * KB, 2 * padding)
        assert status.st_blocks * 512 >= status.st_size
        assert mode(draft) == 0o600
        raise KeyError
    assert not drafts(folder)
    with store.lock(ACCOUNT, CLIENT):
        store.reserve(ACCOUNT, CLIENT)
    assert not drafts(folder)


def test_what_is_stored_meanwhile_for_another_client_is_kept(store):
    save = store.reserve(ACCOUNT, CLIENT)
    store.save(ACCOUNT, 'other', authorization(client='other'))
    save(authorization())
    assert store.load(ACCOUNT, 'other') is not None


def test_drafts_of_killed_processes_are_removed_after_an_hour(
    store, folder, path
):
    old, new, foreign = (
        folder / name
        for name in (f'{path.name}.1.tmp', f'{path.name}.2.tmp', 'a.tmp')
    )
    for file, age in ((old, 3700), (new, 3500), (foreign, 3700)):
        file.touch()
        os.utime(file, (0, time.time() - age))
    store.save(ACCOUNT, CLIENT, authorization())
    assert set(folder.iterdir()) == {path, new, foreign}


def test_it_is_whole_on_the_disk_before_it_gets_its_name(
    store, path, monkeypatch
):
    store.save(ACCOUNT, CLIENT, authorization(text='old'))
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
    store.save(ACCOUNT, CLIENT, authorization(text='new'))
    new = path.read_bytes()
    # Its place, the file itself, and the folder with its new name.
    assert seen == [(64 * KB, old), (len(new), old), (None, new)]


def test_a_token_file_that_is_a_mount_of_its_own_is_refused_in_advance(
    store, folder, path
):
    store.save(ACCOUNT, CLIENT, authorization())
    outside = folder / 'outside.json'
    shutil.copy(path, outside)
    before = state(path)
    with mount('--bind', str(outside), str(path)):
        assert store.load(ACCOUNT, CLIENT) == authorization()
        with pytest.raises(StoreError, match='file itself is mounted') as info:
            store.reserve(ACCOUNT, CLIENT)
        assert info.value.error == 'not_replaceable'
        assert not drafts(folder)
    assert state(path) == before
    # A mount of the folder is what the message recommends.
    mounted = folder / 'mounted'
    mounted.mkdir()
    with mount('--bind', str(folder), str(mounted)):
        keep(FileStore(mounted), authorization(text='new'))
    assert store.load(ACCOUNT, CLIENT) == authorization(text='new')


def test_a_mount_that_another_one_hides_is_none_of_the_token_file(folder):
    mounted = folder / 'mounted'
    mounted.mkdir(0o700)
    path = FileStore(mounted).path(ACCOUNT)
    path.touch()
    with (
        mount('--bind', str(path), str(path)),
        mount('-t', 'tmpfs', '-o', 'mode=700', 'tmpfs', str(mounted)),
    ):
        for text in 'old', 'new':
            keep(FileStore(mounted), authorization(text=text))
        found = FileStore(mounted).load(ACCOUNT, CLIENT)
    assert found == authorization(text='new')


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
    with mount('-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', str(disk)):
        store = FileStore(disk)
        path = store.path(ACCOUNT)
        store.save(ACCOUNT, CLIENT, authorization(text='old'))
        save = store.reserve(ACCOUNT, CLIENT)
        ballast = fill(disk)
        save(authorization(text='new'))
        before = state(path)
        fill(disk)
        with pytest.raises(StoreError, match='No space left') as info:
            store.reserve(ACCOUNT, CLIENT)
        assert (info.value.error, info.value.hint) == ('no_space', str(path))
        assert state(path) == before
        assert store.load(ACCOUNT, CLIENT) == authorization(text='new')
        assert set(disk.iterdir()) == {path, ballast}
        ballast.unlink()
        store.save(ACCOUNT, CLIENT, authorization())


def save_limited(place, wire):
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try_all(place, wire)


def test_a_file_that_may_not_grow_is_reported_in_advance(
    place, store, folder, path
):
    store.save(ACCOUNT, 'other', authorization(client='other'))
    before = state(path)
    (_, saved, _, reserved, _), _ = answer(save_limited, place)
    words = 'cannot be written: File too large'
    check_refused(place, 'no_space', words, (saved, reserved))
    assert state(path) == before
    assert not drafts(folder)


# Permissions, which do not bind root


def test_a_read_only_folder_is_reported_in_advance_and_left_as_it_is(as_user):
    place, uid = as_user
    place.write(whole())
    os.chown(place.path, uid, uid)
    before = state(place.path)
    Path(place.folder).chmod(0o500)
    (loaded, *written, locked), (text,) = answer(try_all, place, uid=uid)
    assert (loaded, locked) == (None, None)
    check_refused(
        place, 'not_writable', 'cannot be written: Permission', written
    )
    assert state(place.path) == before
    assert f'{place.path}.lock cannot be locked' in text


@pytest.mark.parametrize(
    ('permissions', 'is_foreign', 'by_root', 'words'),
    [
        (0, False, False, 'cannot be read: Permission denied'),
        (0o600, True, False, 'Permission denied'),
        (0o644, True, False, 'it belongs to another user'),
        (0o600, True, True, 'it belongs to another user'),
        (0o644, True, True, 'it belongs to another user'),
    ],
)
def test_a_file_that_may_not_be_used_is_refused_and_left_as_it_is(
    as_user, permissions, is_foreign, by_root, words
):
    if is_foreign and os.getuid() != 0:
        pytest.skip('only root can give files away')
    place, uid = as_user
    place.write(whole())
    owner = uid - is_foreign
    os.chown(place.path, owner, owner)
    place.path.chmod(permissions)
    before = state(place.path)
    (*done, locked), said = answer(try_all, place, uid=0 if by_root else uid)
    check_refused(place, 'unreadable', words, done)
    assert is_foreign or locked is None
    assert state(place.path) == before
    assert said == []


# The lock


def forbid_flock():
    """Let the kernel refuse flock to this process, as some NFS does."""
    number = {'x86_64': 73, 'aarch64': 32}[platform.machine()]
    # Load the number; refuse this one; allow all others (seccomp(2)).
    filters = b''.join(
        struct.pack('HBBI', *instruction)
        for instruction in (
            (0x20, 0, 0, 0),
            (0x15, 0, 1, number),
            (0x06, 0, 0, 0x50000 | errno.ENOSYS),
            (0x06, 0, 0, 0x7FFF0000),
        )
    )
    code = ctypes.create_string_buffer(filters)
    program = struct.pack('HL', 4, ctypes.addressof(code))
    prctl = ctypes.CDLL(None).prctl
    assert prctl(38, 1, 0, 0, 0) == 0
    assert prctl(22, 2, program, 0, 0) == 0
    with pytest.raises(OSError, match='not implemented'):
        fcntl.flock(0, fcntl.LOCK_EX)


def lock_without_flock(place, wire):
    forbid_flock()
    store = place.open()
    with listening() as said:
        for _ in range(3):
            keep(store, authorization())
    wire.send((said, sorted(os.listdir(place.folder))))


def test_a_file_system_without_locks_is_said_once_and_work_goes_on(place):
    (text,), files = answer(lock_without_flock, place)
    assert f'{place.path}.lock cannot be locked' in text
    # Nothing is left behind that would lock others out.
    assert files == [place.path.name, f'{place.path.name}.lock']
    assert place.is_free()


def test_a_lock_that_is_not_released_is_reported(place, store, path):
    with process(hold, place, {}) as child:
        assert child.hear() == 'held'
        with pytest.raises(StoreError, match=r'for 0\.2 seconds') as info:
            store.lock(ACCOUNT, CLIENT).__enter__()
        assert info.value.error == 'lock_timeout'
        assert info.value.hint == f'{path}.lock'
        assert f'{path}.lock' in str(info.value)


def wait_for_lock(place, wire):
    store = place.open()
    try:
        wire.send('waiting')
        store.lock(ACCOUNT, CLIENT).__enter__()
    except KeyboardInterrupt:
        wire.send('interrupted')


def test_waiting_for_the_lock_can_be_interrupted(place, store):
    with store.lock(ACCOUNT, CLIENT), process(wait_for_lock, place) as child:
        assert child.hear() == 'waiting'
        os.kill(child.process.pid, signal.SIGINT)
        assert child.hear() == 'interrupted'


# Processes that are killed


def die_at_step(place, number, wire):
    """Save, and be killed just before the n-th step."""
    store = place.open()
    die_at(number)
    keep(store, authorization(text='new'))
    sys.setprofile(None)
    wire.send('done')


def test_a_process_killed_at_any_step_leaves_a_whole_file(place, folder, path):
    store = place.open()
    keep(store, authorization(client='other'))
    seen = []
    for number in range(1, 99):
        keep(store, authorization(text='old'))
        with process(die_at_step, place, number) as child:
            child.process.join(SECONDS)
            if child.process.exitcode == 0:
                break
        seen.append(store.load(ACCOUNT, CLIENT)['text'])
        assert store.load(ACCOUNT, 'other') == authorization(client='other')
        assert mode(path) == 0o600
        assert place.is_free()
    # Some were killed before the file was replaced, and some after that.
    assert sorted(set(seen), reverse=True) == ['old', 'new']
    assert seen == sorted(seen, reverse=True)


def fork_under_a_lock(place, wire):
    """Fork while another thread holds the lock."""
    held = threading.Event()

    def hold():
        with place.open().lock(ACCOUNT, CLIENT):
            held.set()
            threading.Event().wait(SECONDS)

    threading.Thread(target=hold, daemon=True).start()
    held.wait(SECONDS)
    child = os.fork()
    if not child:
        signal.pause()
    wire.send(child)
    signal.pause()


def test_a_child_does_not_keep_the_lock_of_a_killed_process(place):
    with process(fork_under_a_lock, place) as parent:
        child = parent.hear()
        assert not place.is_free()
        parent.process.kill()
        parent.process.join(SECONDS)
        try:
            # The child may not have run yet.
            with place.open(lock_timeout=5).lock(ACCOUNT, CLIENT):
                pass
        finally:
            os.kill(child, signal.SIGKILL)
