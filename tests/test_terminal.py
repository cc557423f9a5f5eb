#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the pasted line, in real pseudo-terminals."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest


termios = pytest.importorskip('termios')
pty = pytest.importorskip('pty')

SECRET = 'def50200c0ffee'
SECONDS = 20  # more than anything here takes
MODULE = Path(__file__).parent.parent / 'pywikibot_oauth2' / 'terminal.py'

# The program in the terminal tells the test what happens on standard
# output, which is no terminal; standard input and standard error are. It
# takes the module without the package, which is ten times as fast.
PROLOGUE = f"""
import fcntl, json, runpy, select, signal, sys, termios, threading, time
module = runpy.run_path({str(MODULE)!r})
PasteLine, is_terminal = module['PasteLine'], module['is_terminal']
def tell(fact):
    print(json.dumps(fact), flush=True)
"""
IN_TERMINAL = PROLOGUE + """
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is meant for it
"""
EPILOGUE = """
print('the end', file=sys.stderr, flush=True)
tell('the end')
signal.pause()  # when it is gone, so is the terminal
"""
READ_LINES = """
try:
    with PasteLine() as paste:
        tell('ready')
        while True:
            tell(paste.poll(20))
except BaseException as error:
    tell(type(error).__name__)
"""


class Terminal:
    """A terminal window with a program in it."""

    def __init__(self, program):
        self.window, self.device = pty.openpty()
        self.mode = termios.tcgetattr(self.device)
        self.process = subprocess.Popen(
            [sys.executable, '-c', IN_TERMINAL + program + EPILOGUE],
            stdin=self.device, stdout=subprocess.PIPE, stderr=self.device,
            start_new_session=True)
        self.watchdog = threading.Timer(SECONDS, self.process.kill)
        self.watchdog.start()

    def type(self, keys):
        """Type or paste this, however long the program takes to read it."""
        keys = keys.encode() if isinstance(keys, str) else keys
        while keys:
            keys = keys[os.write(self.window, keys):]

    def told(self):
        """Return what the program tells next."""
        return json.loads(self.process.stdout.readline())

    def shown(self):
        """Return what the window shows when the program is at its end."""
        shown = b''
        while b'the end\r\n' not in shown:
            shown += os.read(self.window, 65536)
        return shown.decode().replace('the end\r\n', '')

    def close(self):
        self.process.kill()
        self.process.wait()
        self.watchdog.cancel()
        self.process.stdout.close()
        os.close(self.device)
        with contextlib.suppress(OSError):  # a test may have closed it
            os.close(self.window)


@pytest.fixture
def run():
    with contextlib.ExitStack() as opened:
        def open_terminal(program):
            terminal = Terminal(program)
            opened.callback(terminal.close)
            return terminal

        yield open_terminal


@pytest.fixture
def terminal(run):
    terminal = run(READ_LINES)
    assert terminal.told() == 'ready'
    return terminal


# What is typed and pasted

@pytest.mark.parametrize('length', [10, 1023, 1024, 2000, 4096, 10000, 70000])
def test_a_paste_of_any_length_arrives_whole(terminal, length):
    text = (SECRET * length)[:length]
    terminal.type(text + '\r')
    assert terminal.told() == text


@pytest.mark.parametrize('end', ['\r', '\n'])
def test_a_line_ends_with_return_or_newline(terminal, end):
    terminal.type(f'code{end}')
    assert terminal.told() == 'code'


def test_two_lines_are_two(terminal):
    terminal.type('first\rsecond\r')
    assert terminal.told() == 'first'
    assert terminal.told() == 'second'


def test_an_empty_line_is_a_line(terminal):
    terminal.type('\rcode\r')
    assert terminal.told() == ''
    assert terminal.told() == 'code'


@pytest.mark.parametrize(('keys', 'line'), [
    ('abx\x7fc', 'abc'), ('abx\bc', 'abc'), ('xyz\x7f\x7f\x7f\x7fabc', 'abc'),
    ('éü\x7fè', 'éè'), ('wrong\x15abc', 'abc'),
])
def test_backspace_and_ctrl_u_correct_the_line(terminal, keys, line):
    terminal.type(f'{keys}\r')
    assert terminal.told() == line


@pytest.mark.parametrize(('keys', 'line'), [
    ('\x1b[200~pasted\x1b[201~', 'pasted'),
    ('a\x1b[Ab\x1b[1;5Cc\x1bOPd\x1b[3~e', 'abcde'),
    ('\x1b\x1b[Aab', 'ab'), ('\x1bab', 'ab'), ('\x1b[\x01ab', '[ab'),
    ('a\tb\x00c\x01', 'abc'), ('a b', 'a b'), ('OP[A~', 'OP[A~'),
])
def test_paste_markers_and_other_keys_are_left_out(terminal, keys, line):
    terminal.type(f'{keys}\r')
    assert terminal.told() == line


def test_what_is_not_utf_8_is_replaced(terminal):
    terminal.type(b'a\xffb\xc3\xa9\r')
    assert terminal.told() == 'a\ufffdbé'


def test_everything_may_come_byte_by_byte(run):
    terminal = run("""
with PasteLine() as paste:
    while True:
        tell('ready')
        select.select([0], [], [], 20)
        tell(paste.poll(0))
""")
    *keys, last = '\x1b[200~äbx\x7f\x1bOPc\x1b[201~\r'.encode()
    for key in keys:
        assert terminal.told() == 'ready'
        terminal.type(bytes([key]))
        assert terminal.told() is None
    assert terminal.told() == 'ready'
    terminal.type(bytes([last]))
    assert terminal.told() == 'äbc'


def test_it_works_outside_the_main_thread(run):
    terminal = run("""
def read_lines():
    with PasteLine() as paste:
        tell('ready')
        tell(paste.poll(20))
thread = threading.Thread(target=read_lines)
thread.start()
thread.join()
""")
    assert terminal.told() == 'ready'
    terminal.type(f'{SECRET}\r')
    assert terminal.told() == SECRET


# What ends the wait

def test_a_timeout_returns_none(run):
    terminal = run("""
with PasteLine() as paste:
    begin = time.monotonic()
    tell(paste.poll(0))
    tell(paste.poll(0.3))
    tell(time.monotonic() - begin)
""")
    assert terminal.told() is None
    assert terminal.told() is None
    assert 0.3 <= terminal.told() < SECONDS / 2


@pytest.mark.parametrize('before', ['', SECRET])
def test_ctrl_c_is_a_keyboard_interrupt(terminal, before):
    terminal.type(f'{before}\x03')
    assert terminal.told() == 'KeyboardInterrupt'


@pytest.mark.parametrize(('keys', 'fact'), [
    ('\x03', 'KeyboardInterrupt'), ('\x1a', 'EOFError'), ('code\r', 'code')])
def test_keys_that_the_terminal_leaves_alone_mean_the_same(run, keys, fact):
    # So they always come on Windows.
    terminal = run("""
mode = termios.tcgetattr(0)
mode[0] &= ~termios.ICRNL
mode[3] &= ~termios.ISIG
termios.tcsetattr(0, termios.TCSANOW, mode)
""" + READ_LINES)
    assert terminal.told() == 'ready'
    terminal.type(keys)
    assert terminal.told() == fact


def test_ctrl_d_is_the_end_of_file(terminal):
    terminal.type('\x04')
    assert terminal.told() == 'EOFError'


def test_ctrl_d_after_a_line_leaves_the_line(terminal):
    terminal.type('code\r\x04')
    assert terminal.told() == 'code'
    assert terminal.told() == 'EOFError'


def test_ctrl_d_within_a_line_does_nothing(terminal):
    terminal.type('co\x04de\r')
    assert terminal.told() == 'code'


@pytest.mark.parametrize('before', ['', SECRET])
def test_a_closed_window_is_the_end_of_file(run, before):
    terminal = run(
        'signal.signal(signal.SIGHUP, signal.SIG_IGN)\n' + READ_LINES)
    assert terminal.told() == 'ready'
    terminal.type(before)
    os.close(terminal.window)
    assert terminal.told() == 'EOFError'


def test_a_terminal_that_others_have_taken_is_the_end_of_file(run):
    terminal = run("""
import os
signal.signal(signal.SIGTTIN, signal.SIG_IGN)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if child := os.fork():
    os.waitpid(child, 0)
else:
    os.setpgid(0, 0)  # in the background from here
""" + READ_LINES.replace('\n', '\n    ') + """
    os._exit(0)
""")
    assert terminal.told() == 'ready'
    terminal.type('code\r')
    assert terminal.told() == 'EOFError'


# What is left of it

@pytest.mark.parametrize('text', [SECRET, SECRET * 1000])
def test_only_the_length_is_shown(terminal, text):
    terminal.type(f'{text}\r')
    assert terminal.told() == text
    terminal.type(f'{text}\x03')
    assert terminal.told() == 'KeyboardInterrupt'
    shown = terminal.shown()
    assert shown.replace('^C', '') == f'({len(text)} characters)\r\n'


def test_nothing_is_shown_before_the_line_is_complete(terminal):
    terminal.type('abc\x15\x04')
    assert terminal.told() == 'EOFError'
    assert terminal.shown() == ''


@pytest.mark.parametrize('end', [
    'pass', 'raise RuntimeError', 'raise KeyboardInterrupt',
    'signal.raise_signal(signal.SIGINT)', 'sys.exit()'])
def test_the_mode_of_the_terminal_is_restored(run, end):
    terminal = run(f"""
try:
    with PasteLine() as paste:
        tell('ready')
        paste.poll(20)
        {end}
except BaseException:
    pass
""")
    assert terminal.told() == 'ready'
    inside = termios.tcgetattr(terminal.device)
    assert not inside[3] & (termios.ICANON | termios.ECHO)
    assert inside[3] & termios.ISIG
    terminal.type('\r')
    assert terminal.told() == 'the end'
    assert termios.tcgetattr(terminal.device) == terminal.mode


def test_the_mode_is_restored_after_ctrl_c(terminal):
    terminal.type('\x03')
    assert terminal.told() == 'KeyboardInterrupt'
    assert termios.tcgetattr(terminal.device) == terminal.mode


def test_the_rest_of_a_paste_is_left_to_no_one(run):
    terminal = run("""
with PasteLine() as paste:
    tell('ready')
    tell(paste.poll(20))
    select.select([0], [], [], 20)
tell(select.select([0], [], [], 0)[0])
""")
    assert terminal.told() == 'ready'
    terminal.type('first\r')
    assert terminal.told() == 'first'
    terminal.type('rm -rf\r')
    assert terminal.told() == []


def test_what_was_typed_before_is_no_answer(run):
    terminal = run("""
tell('ready')
select.select([0], [], [], 20)
with PasteLine() as paste:
    tell(paste.poll(0.05))
""")
    assert terminal.told() == 'ready'
    terminal.type('y\r')
    assert terminal.told() is None


def test_repr_shows_nothing_of_the_line(run):
    terminal = run("""
with PasteLine() as paste:
    tell('ready')
    select.select([0], [], [], 20)
    paste.poll(0)
    tell(repr(paste) + str(paste) + repr(paste._keyboard))
    tell(paste.poll(20))
""")
    assert terminal.told() == 'ready'
    terminal.type(SECRET)
    assert SECRET not in terminal.told()
    terminal.type('\r')
    assert terminal.told() == SECRET


# Where there is no one

def test_a_terminal_is_known_as_one(run):
    assert run('tell(is_terminal())').told() is True


@pytest.mark.parametrize('before', [
    '', 'sys.stdin.close()', 'sys.stdin = None'])
def test_without_a_terminal_no_one_can_be_asked(before):
    result = subprocess.run(
        [sys.executable, '-c',
         f'{PROLOGUE}\n{before}\ntell(is_terminal())'],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
        check=True)
    assert json.loads(result.stdout) is False


def test_without_a_terminal_entering_is_an_oserror():
    result = subprocess.run(
        [sys.executable, '-c', PROLOGUE + """
try:
    with PasteLine():
        tell('entered')
except OSError:
    tell('OSError')
"""], input=b'', capture_output=True, timeout=SECONDS, check=True)
    assert json.loads(result.stdout) == 'OSError'
