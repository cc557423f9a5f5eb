"""Tests of the hidden line, in real pseudo-terminals."""

from __future__ import annotations

import contextlib
import os
import runpy
import select
import signal
import sys
import termios
import threading
import time

import pytest

from pywikibot_oauth2.login import prompt
from pywikibot_oauth2.login.prompt import HiddenLine, is_terminal
from tests.harness import Terminal
from tests.helpers import SECONDS, in_thread


SECRET = 'def50200c0ffee'


def read(line):
    deadline = time.monotonic() + SECONDS
    while (text := line.poll(SECONDS)) is None:
        assert time.monotonic() < deadline
    return text


def wait_for_keys(person):
    assert select.select([person._device], [], [], SECONDS)[0]


# What is typed and pasted


def test_a_paste_of_any_length_arrives_and_only_its_length_is_shown(
    person, capsys
):
    with HiddenLine() as line:
        for length in (len(SECRET), 1024, 4096, 70000):
            text = (SECRET * length)[:length]
            # A terminal takes in only so much at once.
            keys = f'{text}\r'.encode()
            threading.Thread(target=person.type, args=(keys,)).start()
            assert read(line) == text
            assert capsys.readouterr() == ('', f'({length} characters)\n')
    assert not select.select([person._window], [], [], 0)[0]


KEYS = {
    'first\rsecond\n\rthird': ['first', 'second', '', 'third'],
    'abx\x7fc': ['abc'],
    'abx\bc': ['abc'],
    'xyz\x7f\x7f\x7f\x7fabc': ['abc'],
    'éü\x7fè': ['éè'],
    'wrong\x15abc': ['abc'],
    '\x1b[200~pasted\x1b[201~': ['pasted'],
    'a\x1b[Ab\x1b[1;5Cc\x1bOPd\x1b[3~e': ['abcde'],
    'a\tb\x00c\x01': ['abc'],
    'a\x1bb': ['ab'],
    'a b': ['a b'],
    'OP[A~': ['OP[A~'],
    'co\x04de': ['code'],
    b'a\xffb\xc3\xa9': ['a\ufffdbé'],
}


def test_keys_correct_the_line_and_others_are_left_out(person):
    with HiddenLine() as line:
        for keys, lines in KEYS.items():
            person.type(keys if isinstance(keys, bytes) else keys.encode())
            person.type(b'\r')
            assert [read(line) for _ in lines] == lines


def test_everything_may_come_byte_by_byte(person):
    *keys, last = '\x1b[200~äbx\x7f\x1bOPc\x1b[201~\r'.encode()
    with HiddenLine() as line:
        for key in keys:
            person.type(bytes([key]))
            assert line.poll(SECONDS) is None
        person.type(bytes([last]))
        assert line.poll(SECONDS) == 'äbc'


# What ends the wait


def test_outside_the_main_thread_ctrl_c_is_a_key(person):
    def work():
        with HiddenLine() as line:
            person.type(f'{SECRET}\r\x03'.encode())
            assert read(line) == SECRET
            read(line)

    with pytest.raises(KeyboardInterrupt):
        in_thread(work)
    assert person.is_restored()


def test_ctrl_d_is_the_end_of_file_and_so_is_a_closed_window(person):
    with pytest.raises(EOFError), HiddenLine() as line:
        person.type(b'\x04')
        read(line)
    assert person.is_restored()
    with pytest.raises(EOFError), HiddenLine() as line:
        person.type(SECRET.encode())
        person.close_window()
        read(line)


PROGRAM = f"""
import runpy
module = runpy.run_path({prompt.__file__!r})
with module['HiddenLine']() as line:
    print('ready', flush=True)
    while True:
        line.poll({SECONDS})
"""


@pytest.mark.parametrize(
    'number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
)
def test_the_mode_is_restored_on_signals_that_end_the_process(number):
    with Terminal([sys.executable, '-c', PROGRAM]) as terminal:
        terminal.expect('ready')
        if number == signal.SIGINT:
            terminal.type(f'{SECRET}\x03')
        else:
            terminal.process.send_signal(number)
        shown = terminal.wait()
        status = -number if number == signal.SIGINT else 128 + number
        assert terminal.process.returncode == status
        assert terminal.is_restored()
    assert SECRET not in shown


IN_BACKGROUND = f"""
import os, signal
signal.signal(signal.SIGTTIN, signal.SIG_IGN)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if os.fork():
    raise SystemExit(os.wait()[1])
os.setpgid(0, 0)
{PROGRAM}"""


def test_a_terminal_that_others_have_taken_is_the_end_of_file():
    with Terminal([sys.executable, '-c', IN_BACKGROUND]) as terminal:
        terminal.expect('ready')
        terminal.type('code\r')
        assert 'EOFError' in terminal.wait().splitlines()[-1]


# What is left of it


@pytest.mark.parametrize('error', [None, RuntimeError])
def test_the_mode_of_the_terminal_is_restored(person, error):
    with contextlib.suppress(error or ()), HiddenLine():
        mode = termios.tcgetattr(person._device)[3]
        assert not mode & (termios.ICANON | termios.ECHO)
        assert mode & termios.ISIG
        if error:
            raise error
    assert person.is_restored()


def test_signal_handlers_are_left_alone_and_put_back(person):
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with HiddenLine():
        ignored = signal.signal(signal.SIGHUP, usual)
    assert ignored is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_input_that_is_typed_before_or_left_unread_is_discarded(person):
    person.type(b'y\r')
    wait_for_keys(person)
    with HiddenLine() as line:
        assert line.poll(0) is None
        # Waiting for a line times out, too.
        assert line.poll(0.05) is None
        person.type(SECRET.encode())
        assert line.poll(SECONDS) is None
        assert SECRET not in repr(line) + str(line)
        person.type(b'rm -rf\r')
        wait_for_keys(person)
    assert not select.select([person._device], [], [], 0)[0]


# Where there is no one


def test_without_a_terminal_nobody_can_be_asked(person, monkeypatch):
    assert is_terminal() is True
    with open(os.devnull) as file:
        monkeypatch.setattr(sys, 'stdin', file)
        assert is_terminal() is False
    assert is_terminal() is False
    monkeypatch.setattr(sys, 'stdin', None)
    assert is_terminal() is False


def test_a_system_without_termios_cannot_hide_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, 'termios', None)
    assert not runpy.run_path(prompt.__file__)['can_paste']()
