#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the token file, with real files, processes and users."""
from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from pywikibot import bot, config
from pywikibot.tools import as_filename

from pywikibot_oauth2 import OAuth2Auth, StoreError
from pywikibot_oauth2.filestore import FileStore


pytestmark = pytest.mark.skipif(
    os.name != 'posix', reason='modes and users are those of POSIX')

SECONDS = 20  # more than anything here takes
PATIENCE = 3  # more than anything here takes that must not wait
NOBODY = 65534
ROOT = Path(__file__).parent.parent
OLD = 'old-access-token'
NEW = 'new-access-token'


def session_of(token=NEW, user='Bot', **fields):
    return {'version': 1, 'user': user, 'token': {'access_token': token},
            **fields}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Let Pywikibot keep its files in a folder of the test."""
    monkeypatch.setattr(config, 'base_dir', str(tmp_path))
    return tmp_path


@pytest.fixture
def store(folder):
    return FileStore(lock_timeout=0.2)


@pytest.fixture
def path(store):
    return store.path('Bot')


@pytest.fixture
def warnings():
    """Return the texts that Pywikibot is asked to warn with."""
    texts = []

    class Collector(logging.Handler):
        def emit(self, record):
            texts.append(record.getMessage())

    # Pywikibot removes all handlers at its first output.
    bot.init_handlers()
    handler = Collector(logging.WARNING)
    logger = logging.getLogger('pywiki')
    logger.addHandler(handler)
    yield texts
    logger.removeHandler(handler)


@contextlib.contextmanager
def unmasked():
    """Let the process create files with whatever mode it asks for."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def state(path):
    """Return what must not change: bytes, mode, owner and inode."""
    status = path.lstat()
    return (path.read_bytes(), status.st_mode, status.st_uid, status.st_ino)


# Where it lies and what is in it

@pytest.mark.parametrize('account', ['Bot', 'Bot of Ä', 'A/B', 'Bot@x', 'Ωλ'])
def test_it_is_named_after_the_cookie_jar(store, folder, account):
    jar = config.datafilepath(f'pywikibot-{as_filename(account)}.lwp')
    path = store.path(account)
    assert str(path) == jar[:-len('.lwp')] + '.oauth2.json'
    assert path.parent == folder
    assert store.where(account) == str(path)


def test_there_is_one_next_to_the_jar_of_a_plain_name(store, folder):
    assert store.path('Bot') == folder / 'pywikibot-Bot.oauth2.json'


def test_without_a_file_there_is_no_session(store, folder):
    assert store.load('Bot', 'id') is None
    assert list(folder.iterdir()) == []


def test_what_was_saved_is_loaded(store, folder, path):
    session = session_of(comment='Ä\u2028')
    store.save('Bot', 'id', session)
    assert store.load('Bot', 'id') == session
    assert store.load('Bot', 'another') is None
    assert FileStore().load('Bot', 'id') == session
    assert list(folder.iterdir()) == [path]


def test_the_file_has_exactly_this_layout(store, path):
    store.save('Bot', 'id', session_of())
    assert json.loads(path.read_text(encoding='ascii')) == {
        'version': 1, 'sessions': {'id': session_of()}}


def test_other_clients_sessions_are_kept(store):
    store.save('Bot', 'first', session_of(OLD, extra=[1, None, {'a': 'ö'}]))
    store.save('Bot', 'second', session_of())
    store.save('Bot', 'second', session_of('newer'))
    assert store.load('Bot', 'first') == session_of(
        OLD, extra=[1, None, {'a': 'ö'}])
    assert store.load('Bot', 'second') == session_of('newer')


def test_a_forgotten_session_is_gone_and_the_others_are_kept(store, path):
    store.save('Bot', 'first', session_of(OLD))
    store.save('Bot', 'second', session_of())
    store.forget('Bot', 'first')
    assert store.load('Bot', 'first') is None
    assert store.load('Bot', 'second') == session_of()
    assert OLD not in path.read_text()
    assert mode(path) == 0o600


def test_what_is_not_there_can_be_forgotten(store, folder, path):
    store.forget('Bot', 'id')
    assert list(folder.iterdir()) == []
    store.save('Bot', 'id', session_of())
    before = state(path)
    store.forget('Bot', 'another')
    assert state(path) == before


def test_each_account_has_a_file_of_its_own(store, folder):
    store.save('Bot', 'id', session_of())
    store.save('Bot 2', 'id', session_of(user='Bot 2'))
    assert len(list(folder.iterdir())) == 2
    assert store.load('Bot', 'id') == session_of()


def test_a_session_of_another_user_is_refused(store, path):
    store.save('Bot', 'id', session_of(user='Somebody'))
    before = state(path)
    with pytest.raises(StoreError, match="for 'Somebody', not for 'Bot'"):
        store.load('Bot', 'id')
    assert state(path) == before


@pytest.mark.parametrize('session', ['abc', 5, [], {}, True])
def test_what_is_no_session_is_refused(store, path, session):
    store.save('Bot', 'id', session)
    with pytest.raises(StoreError) as info:
        store.load('Bot', 'id')
    assert str(path) in str(info.value)


def test_it_is_what_user_config_uses_by_default():
    assert isinstance(OAuth2Auth('id').store, FileStore)


# The mode

def test_its_mode_is_0600_whatever_the_umask(store, path):
    with unmasked():
        store.save('Bot', 'id', session_of())
        with store.lock('Bot', 'id'):
            assert mode(Path(f'{path}.lock')) == 0o600
    assert mode(path) == 0o600
    store.save('Bot', 'id', session_of())
    assert mode(path) == 0o600


class Watcher(threading.Thread):
    """Looks into a folder all the time, and notes modes and sizes."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.seen = set()
        self.ended = threading.Event()

    def run(self):
        while not self.ended.is_set():
            for entry in os.scandir(self.folder):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    self.seen.add((entry.name.endswith('.tmp'),
                                   stat.S_IMODE(status.st_mode),
                                   status.st_size > 0))


def test_its_mode_is_0600_from_the_first_byte(store, folder):
    watcher = Watcher(folder)
    watcher.start()
    deadline = time.monotonic() + SECONDS
    big = session_of('x' * 200_000)
    try:
        with unmasked():
            while time.monotonic() < deadline:
                store.save('Bot', 'id', big)
                if {(True, 0o600, False), (True, 0o600, True)} <= watcher.seen:
                    break
    finally:
        watcher.ended.set()
        watcher.join()
    # It was seen while it was empty, while it was written, and whole.
    assert watcher.seen == {(True, 0o600, False), (True, 0o600, True),
                            (False, 0o600, True)}


def test_it_is_whole_on_the_disk_before_it_gets_its_name(
        store, path, monkeypatch):
    store.save('Bot', 'id', session_of(OLD))
    old = path.read_bytes()
    seen = []
    fsync = os.fsync

    def watched(descriptor):
        fsync(descriptor)
        status = os.fstat(descriptor)
        seen.append((stat.S_ISDIR(status.st_mode), status.st_size,
                     path.read_bytes()))

    monkeypatch.setattr(os, 'fsync', watched)
    store.save('Bot', 'id', session_of(NEW))
    new = path.read_bytes()
    assert (seen[0][0], seen[0][1:]) == (False, (len(new), old))
    # And then the folder, so that the new name survives a power cut.
    assert [(is_folder, content) for is_folder, _, content in seen[1:]] == [
        (True, new)]


@pytest.mark.parametrize('others', [0o044, 0o040, 0o004, 0o022, 0o066])
def test_a_file_that_others_could_read_is_closed_with_a_warning(
        store, path, warnings, others):
    store.save('Bot', 'id', session_of())
    path.chmod(0o600 | others)
    assert store.load('Bot', 'id') == session_of()
    assert mode(path) == 0o600
    warning, = warnings
    assert str(path) in warning
    assert '0600' in warning
    store.load('Bot', 'id')
    assert len(warnings) == 1


def test_a_file_that_only_its_owner_reads_needs_no_warning(
        store, path, warnings):
    store.save('Bot', 'id', session_of())
    path.chmod(0o400)
    store.load('Bot', 'id')
    assert warnings == []
    assert mode(path) == 0o400


# What is no token file

def whole():
    return json.dumps({'version': 1, 'sessions': {
        'id': session_of(), 'other': session_of(OLD)}}, indent=1).encode()


DAMAGES = {
    'empty': (b'', 'is empty'),
    'a space': (b' ', 'not JSON'),
    'truncated': (whole()[:-20], 'not JSON'),
    'half': (whole()[:len(whole()) // 2], 'not JSON'),
    'twice': (whole() * 2, 'not JSON'),
    'zeros': (bytes(4096), 'not JSON'),
    'cookies': (b'#LWP-Cookies-2.0\n', 'not JSON'),
    'not UTF-8': (b'\xff\xfe\xfd' + whole(), 'not JSON'),
    'Latin-1': (b'{"version": 1, "sessions": {"id": "\xe4"}}', 'not JSON'),
    'deep': (b'[' * 100_000, 'not JSON'),
    'more than a token file': (b' ' * (1 << 21) + whole(), 'not JSON'),
    'a list': (b'[]', 'not a token file'),
    'a number': (b'5', 'not a token file'),
    'null': (b'null', 'not a token file'),
    'no version': (b'{"sessions": {}}', 'not a token file'),
    'version null': (b'{"version": null, "sessions": {}}',
                     'not a token file'),
    'version 0': (b'{"version": 0, "sessions": {}}', 'not a token file'),
    'version as text': (b'{"version": "1", "sessions": {}}',
                        'not a token file'),
    'no sessions': (b'{"version": 1}', 'not a token file'),
    'a list of sessions': (b'{"version": 1, "sessions": []}',
                           'not a token file'),
    'version 2': (whole().replace(b'"version": 1', b'"version": 2', 1),
                  r'newer release \(version 2\).*pip install --upgrade'),
    'version 99': (b'{"version": 99, "tokens": "elsewhere"}',
                   r'newer release \(version 99\)'),
}
each_damage = pytest.mark.parametrize('damage', DAMAGES)


def assert_reported(path, expected, action):
    """Check that an action fails with the path and the reason."""
    with pytest.raises(StoreError, match=expected) as info:
        action()
    message = str(info.value)
    assert str(path) in message
    assert 'left as it' in message
    assert OLD not in message
    assert NEW not in message


@each_damage
def test_a_damaged_file_is_reported_and_left_as_it_is(
        store, folder, path, damage):
    content, expected = DAMAGES[damage]
    path.write_bytes(content)
    path.chmod(0o600)
    before = state(path)
    assert_reported(path, expected, lambda: store.load('Bot', 'id'))
    assert_reported(path, expected,
                    lambda: store.save('Bot', 'id', session_of()))
    assert_reported(path, expected, lambda: store.forget('Bot', 'id'))
    assert state(path) == before
    assert list(folder.iterdir()) == [path]


def test_the_message_says_how_to_begin_anew(store, path):
    path.write_bytes(b'')
    path.chmod(0o600)
    with pytest.raises(StoreError) as info:
        store.load('Bot', 'id')
    assert f'mv {path} {path}.bad' in str(info.value)
    assert 'pwb login' in str(info.value)
    path.rename(f'{path}.bad')
    assert store.load('Bot', 'id') is None


def test_what_can_be_read_can_be_written_or_is_refused(store, path):
    for depth in range(100, 1000, 60):
        path.write_text('{"version": 1, "sessions": {"other": ' + '[' * depth
                        + ']' * depth + '}}')
        path.chmod(0o600)
        before = state(path)
        try:
            store.save('Bot', 'id', session_of())
        except StoreError:
            assert state(path) == before
        else:
            assert store.load('Bot', 'id') == session_of()


def open_files():
    return len(os.listdir('/proc/self/fd'))


needs_proc = pytest.mark.skipif(not os.path.isdir('/proc/self/fd'),
                                reason='no /proc here')


def make_folder(path):
    path.mkdir()
    (path / 'keepsake').touch()


def make_pipe(path):
    os.mkfifo(path, 0o600)
    # Whoever waits for somebody to write into it has to be freed.
    freeing = threading.Timer(PATIENCE, lambda: os.close(
        os.open(path, os.O_RDWR | os.O_NONBLOCK)))
    freeing.daemon = True
    freeing.start()


def make_loop(path):
    path.symlink_to(path)


@pytest.mark.parametrize('make', [make_folder, make_pipe, make_loop])
def test_what_is_no_file_is_reported_and_left_as_it_is(
        store, folder, path, make):
    make(path)
    before = path.lstat()
    begun = time.monotonic()
    for action in (lambda: store.load('Bot', 'id'),
                   lambda: store.save('Bot', 'id', session_of())):
        with pytest.raises(StoreError) as info:
            action()
        assert str(path) in str(info.value)
    assert time.monotonic() - begun < PATIENCE
    after = path.lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert list(folder.iterdir()) == [path]
    if make is make_folder:
        assert [child.name for child in path.iterdir()] == ['keepsake']


@needs_proc
@pytest.mark.parametrize('make', [make_folder, make_pipe, make_loop,
                                  Path.touch])
def test_no_file_stays_open_when_it_cannot_be_used(store, path, make):
    make(path)
    before = open_files()
    for _ in range(5):
        with pytest.raises(StoreError):
            store.load('Bot', 'id')
    assert open_files() == before


# Symbolic links

def test_a_symbolic_link_stays_one_and_its_target_is_replaced(
        store, folder, path):
    elsewhere = folder / 'elsewhere'
    elsewhere.mkdir()
    target = elsewhere / 'tokens.json'
    store.save('Bot', 'other', session_of(OLD))
    path.rename(target)
    path.symlink_to(target)
    inode = target.stat().st_ino
    store.save('Bot', 'id', session_of())
    assert path.is_symlink()
    assert target.stat().st_ino != inode
    assert mode(target) == 0o600
    assert store.load('Bot', 'id') == session_of()
    assert store.load('Bot', 'other') == session_of(OLD)
    assert list(elsewhere.iterdir()) == [target]


def test_a_link_to_a_file_that_does_not_exist_yet_is_followed(
        store, folder, path):
    target = folder / 'tokens.json'
    path.symlink_to(target.name)
    assert store.load('Bot', 'id') is None
    store.save('Bot', 'id', session_of())
    assert path.is_symlink()
    assert mode(target) == 0o600
    assert store.load('Bot', 'id') == session_of()


def test_all_links_to_a_file_share_its_lock(store, folder, path):
    other = store.path('Other')
    other.symlink_to(path.name)
    with store.lock('Bot', 'id'), pytest.raises(StoreError), \
            store.lock('Other', 'id'):
        pass


# Other processes

PROLOGUE = """
import json, os, resource, signal, sys, time
import filelock, pywikibot.bot, pywikibot.config, pywikibot.tools
from pywikibot_oauth2 import StoreError
from pywikibot_oauth2.filestore import FileStore
user, pywikibot.config.base_dir, arguments = (
    int(sys.argv[1]), sys.argv[2], sys.argv[3:])
pywikibot.bot.init_handlers()  # another user may not be able to import
if user != os.getuid():
    os.setgroups([]), os.setgid(user), os.setuid(user)
store = FileStore(lock_timeout=0.2)
def session(token):
    return {'version': 1, 'user': 'Bot', 'token': {'access_token': token}}
def tell(text):
    print(text, flush=True)
"""


def start(program, folder, *arguments, user=None):
    """Run a program that has a store in a folder, maybe as another user."""
    user = os.getuid() if user is None else user
    return subprocess.Popen(
        [sys.executable, '-c', PROLOGUE + program, str(user), str(folder),
         *arguments], cwd=folder, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={
            **os.environ, 'PYWIKIBOT_NO_USER_CONFIG': '2',
            'PYTHONPATH': str(ROOT)})


def run(program, folder, *arguments, user=None):
    """Run it to its end; return what it told, and its warnings."""
    with start(program, folder, *arguments, user=user) as process:
        told, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    return told, said


KILLED = """
count = int(arguments[0])
path = store.path('Bot')
store.save('Bot', 'other', session('kept'))
began = time.monotonic()
store.save('Bot', 'id', session('x' * 100_000))
one = time.monotonic() - began
sizes = set()
turn = 0
while turn < count or len(sizes) < 3:
    turn += 1
    child = os.fork()
    if child == 0:
        while True:
            for size in (10, 300_000):
                store.save('Bot', 'id', session('x' * size))
    # From at once to after several times the duration of one.
    time.sleep(5 * one * (turn % count) / count)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    data = json.loads(path.read_bytes())
    assert set(data['sessions']) == {'id', 'other'}
    token = store.load('Bot', 'id')['token']['access_token']
    assert token == 'x' * len(token)
    sizes.add(len(token))
    assert store.load('Bot', 'other') == session('kept')
    assert path.stat().st_mode & 0o777 == 0o600
    with store.lock('Bot', 'id'):
        store.save('Bot', 'id', session('x' * 100_000))
tell(sorted(sizes))
"""


def test_whoever_kills_a_process_that_saves_leaves_a_whole_file(folder):
    told, _ = run(KILLED, folder, '40')
    # They were killed before the first save, and after some.
    assert set(json.loads(told)) == {10, 100_000, 300_000}
    for path in folder.iterdir():
        assert mode(path) == 0o600


HOLD = """
with store.lock('Bot', 'id'):
    tell('locked')
    sys.stdin.read()
tell('released')
"""


def test_the_lock_keeps_other_processes_away(store, folder, path):
    with start(HOLD, folder) as holder:
        assert holder.stdout.readline() == 'locked\n'
        begun = time.monotonic()
        with pytest.raises(StoreError) as info, store.lock('Bot', 'id'):
            pass
        assert 0.2 <= time.monotonic() - begun < 5
        assert f'{path}.lock' in str(info.value)
        assert '0.2 seconds' in str(info.value)
        assert 'lsof' in str(info.value)
        # Another account is another lock.
        with store.lock('Another', 'id'):
            pass
        holder.stdin.close()
        assert holder.stdout.readline() == 'released\n'
        with store.lock('Bot', 'id'):
            pass


def test_the_lock_dies_with_its_holder(store, folder):
    with start(HOLD, folder) as holder:
        assert holder.stdout.readline() == 'locked\n'
        holder.kill()
        holder.wait(SECONDS)
        with store.lock('Bot', 'id'):
            pass


def test_who_waits_for_the_lock_gets_it_when_it_is_given_back(folder):
    store = FileStore(lock_timeout=SECONDS)
    got = threading.Event()

    def wait():
        with store.lock('Bot', 'id'):
            got.set()

    with start(HOLD, folder) as holder:
        assert holder.stdout.readline() == 'locked\n'
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not got.wait(0.1)
        holder.stdin.close()
        assert got.wait(SECONDS)
        waiter.join()


def test_the_lock_is_given_back_after_an_error(store):
    with pytest.raises(ZeroDivisionError), store.lock('Bot', 'id'):
        raise ZeroDivisionError
    with store.lock('Bot', 'id'):
        pass


def test_the_lock_keeps_other_threads_away(store):
    results = []

    def attempt():
        try:
            with store.lock('Bot', 'id'):
                results.append('locked')
        except StoreError:
            results.append('refused')

    with store.lock('Bot', 'id'):
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert results == ['refused', 'locked']


INCREMENT = """
store = FileStore(lock_timeout=20)
tell('ready')
sys.stdin.readline()
for _ in range(int(arguments[0])):
    with store.lock('Bot', 'id'):
        number = int(store.load('Bot', 'id')['token']['access_token'])
        store.save('Bot', 'id', session(str(number + 1)))
"""


def test_under_the_lock_nothing_gets_lost_between_processes(store, folder):
    store.save('Bot', 'id', session_of('0'))
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(start(INCREMENT, folder, '15'))
                     for _ in range(4)]
        for process in processes:
            assert process.stdout.readline() == 'ready\n'
        for process in processes:
            process.stdin.write('\n')
            process.stdin.flush()
        for process in processes:
            assert process.wait(SECONDS) == 0
    assert store.load('Bot', 'id') == session_of('60')


# Permissions, which do not bind root

needs_root = pytest.mark.skipif(
    not hasattr(os, 'getuid') or os.getuid() != 0,
    reason='only root can give a file to another user')


@pytest.fixture
def shared():
    """Return a folder that another user than root reaches, and that one."""
    path = Path(tempfile.mkdtemp(prefix='pywikibot-oauth2-'))
    path.chmod(0o755)
    user = os.getuid() or NOBODY
    os.chown(path, user, -1)
    yield path, user
    path.chmod(0o755)
    shutil.rmtree(path)


def put(folder, user, content=None):
    """Put a token file of some user into a folder."""
    path = folder / 'pywikibot-Bot.oauth2.json'
    path.write_bytes(whole() if content is None else content)
    path.chmod(0o600)
    os.chown(path, user, user)
    return path


TRY_BOTH = """
for action in (lambda: store.load('Bot', 'id'),
               lambda: store.save('Bot', 'id', session('newer'))):
    try:
        tell('loaded' if action() else 'saved')
    except StoreError as error:
        tell(str(error).splitlines()[0])
"""


def test_a_read_only_folder_is_reported_and_nothing_is_changed(shared):
    folder, user = shared
    path = put(folder, user)
    before = state(path)
    folder.chmod(0o555)
    told, _ = run(TRY_BOTH, folder, user=user)
    loaded, refused = told.splitlines()
    assert loaded == 'loaded'
    assert f'{path} cannot be written: Permission denied' in refused
    assert state(path) == before
    assert list(folder.iterdir()) == [path]


LOCK_TWICE = """
for _ in range(3):
    with store.lock('Bot', 'id'):
        tell(store.load('Bot', 'id')['token']['access_token'])
"""


def test_in_a_read_only_folder_it_goes_on_without_a_lock_and_says_so_once(
        shared):
    folder, user = shared
    path = put(folder, user)
    folder.chmod(0o555)
    told, said = run(LOCK_TWICE, folder, user=user)
    assert told == f'{NEW}\n' * 3
    assert said.count('cannot be locked') == 1
    assert f'{path}.lock' in said


def test_a_file_that_may_not_be_read_is_reported(shared):
    folder, user = shared
    path = put(folder, user)
    path.chmod(0)
    told, _ = run(TRY_BOTH, folder, user=user)
    for line in told.splitlines():
        assert f'{path} cannot be used: Permission denied' in line
    assert mode(path) == 0


@needs_root
@pytest.mark.parametrize('permissions', [0o600, 0o644])
def test_a_file_of_another_user_is_refused_and_left_as_it_is(
        shared, permissions):
    folder, user = shared
    path = put(folder, user - 1)
    path.chmod(permissions)
    before = state(path)
    told, said = run(TRY_BOTH, folder, user=user)
    reason = ('Permission denied' if permissions == 0o600
              else 'it belongs to another user')
    assert told.splitlines() == [
        f'The token file {path} cannot be used: {reason}. It was left as it'
        ' is. To begin anew:'] * 2
    assert state(path) == before
    assert 'could be read' not in said


@needs_root
def test_root_does_not_take_another_users_file_either(store, path):
    put(path.parent, NOBODY)
    before = state(path)
    for action in (lambda: store.load('Bot', 'id'),
                   lambda: store.save('Bot', 'id', session_of())):
        assert_reported(path, 'belongs to another user', action)
    assert state(path) == before


# A disk that is full

LIMITED = """
limit = int(arguments[0])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    store.save('Bot', 'id', session('x' * 10_000))
except StoreError as error:
    tell(error)
"""


@pytest.mark.parametrize('limit', [0, 1, 4096])
def test_a_file_that_may_not_grow_is_reported(store, folder, path, limit):
    store.save('Bot', 'id', session_of(OLD))
    before = state(path)
    told, _ = run(LIMITED, folder, str(limit))
    assert told == f'{path} cannot be written: File too large\n'
    assert state(path) == before
    assert list(folder.iterdir()) == [path]


@pytest.fixture
def tiny_disk(folder):
    """Mount a disk of 64 KiB, where that is allowed."""
    disk = folder / 'disk'
    disk.mkdir()
    mount = shutil.which('mount')
    if mount is None or subprocess.run(
            [mount, '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(disk)],
            capture_output=True, check=False).returncode:
        pytest.skip('no disk can be mounted here')
    yield disk
    subprocess.run(['umount', str(disk)], check=True)


def test_a_full_disk_is_reported_and_loses_nothing(
        store, tiny_disk, monkeypatch):
    monkeypatch.setattr(config, 'base_dir', str(tiny_disk))
    path = store.path('Bot')
    store.save('Bot', 'id', session_of(OLD))
    before = state(path)
    filling = tiny_disk / 'filling'
    with contextlib.suppress(OSError), open(filling, 'wb', 0) as file:
        while file.write(bytes(4096)):
            pass
    with pytest.raises(StoreError, match='No space left') as info:
        store.save('Bot', 'id', session_of(NEW))
    assert str(path) in str(info.value)
    assert NEW not in str(info.value)
    assert state(path) == before
    assert store.load('Bot', 'id') == session_of(OLD)
    assert set(tiny_disk.iterdir()) == {path, filling}
    filling.unlink()
    store.save('Bot', 'id', session_of(NEW))
    assert store.load('Bot', 'id') == session_of(NEW)


def test_a_folder_that_is_gone_is_reported(store, folder, path):
    path.symlink_to(folder / 'gone' / 'tokens.json')
    with pytest.raises(StoreError, match='No such file') as info:
        store.save('Bot', 'id', session_of())
    assert str(path) in str(info.value)
    assert path.is_symlink()
