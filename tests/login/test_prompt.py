"""Tests of the hidden line, in real pseudo-terminals."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from pywikibot_oauth2.login import prompt


termios = pytest.importorskip('termios')
pty = pytest.importorskip('pty')

SECRET = 'def50200c0ffee'
SECONDS = 20  # more than anything here takes

# The program in the terminal tells the test what happens on standard
# output, which is not a terminal; standard input and standard error are. It
# loads the module without the package, which is ten times as fast.
PROLOGUE = f"""
import fcntl, json, os, runpy, select, signal, sys, termios, threading
module = runpy.run_path({prompt.__file__!r})
HiddenLine, is_terminal = module['HiddenLine'], module['is_terminal']
def tell(fact):
    print(json.dumps(fact), flush=True)
def read(line):
    while True:
        text = line.poll(20)
        if text is not None:
            return text
"""
IN_TERMINAL = f"""{PROLOGUE}
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is meant for it
"""
EPILOGUE = """
print('the end', file=sys.stderr, flush=True)
tell('the end')
signal.pause()  # when it is gone, so is the terminal
"""
READ_LINES = """
try:
    assert is_terminal()
    with HiddenLine() as line:
        tell('ready')
        while True:
            tell(read(line))
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
            stdin=self.device,
            stdout=subprocess.PIPE,
            stderr=self.device,
            start_new_session=True,
        )
        self.watchdog = threading.Timer(SECONDS, self.process.kill)
        self.watchdog.start()

    def type(self, keys):
        """Type or paste this, however long the program takes to read it."""
        keys = keys.encode() if isinstance(keys, str) else keys
        while keys:
            keys = keys[os.write(self.window, keys) :]

    def told(self):
        """Return what the program tells next."""
        return json.loads(self.process.stdout.readline())

    def shown(self):
        """Return what the window shows when the program is at its end."""
        shown = b''
        while b'the end\r\n' not in shown:
            shown += os.read(self.window, 65536)
        return shown.decode().replace('the end\r\n', '')

    def is_restored(self):
        """Tell whether the terminal is as it was found."""
        return termios.tcgetattr(self.device) == self.mode

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


@pytest.mark.parametrize('length', [1024, 4096, 70000])
def test_a_paste_of_any_length_arrives_whole(terminal, length):
    text = (SECRET * length)[:length]
    terminal.type(f'{text}\r')
    assert terminal.told() == text


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


def test_keys_correct_the_line_and_others_are_left_out(terminal):
    for keys, lines in KEYS.items():
        terminal.type(keys)
        terminal.type('\r')
        assert [terminal.told() for _ in lines] == lines


def test_everything_may_come_byte_by_byte(run):
    terminal = run("""
with HiddenLine() as line:
    while True:
        tell('ready')
        select.select([0], [], [], 20)
        tell(line.poll(0))
""")
    *keys, last = '\x1b[200~äbx\x7f\x1bOPc\x1b[201~\r'.encode()
    for key in keys:
        assert terminal.told() == 'ready'
        terminal.type(bytes([key]))
        assert terminal.told() is None
    assert terminal.told() == 'ready'
    terminal.type(bytes([last]))
    assert terminal.told() == 'äbc'


def test_it_works_outside_the_main_thread_with_ctrl_c_as_a_key(run):
    indented = READ_LINES.replace('\n', '\n    ')
    terminal = run(f"""
def work():
    {indented}
thread = threading.Thread(target=work)
thread.start()
thread.join()
""")
    assert terminal.told() == 'ready'
    terminal.type(f'{SECRET}\r\x03')
    assert terminal.told() == SECRET
    assert terminal.told() == 'KeyboardInterrupt'


# What ends the wait


@pytest.mark.parametrize(
    ('keys', 'error'),
    [
        ('\x03', 'KeyboardInterrupt'),
        (f'{SECRET}\x03', 'KeyboardInterrupt'),
        ('\x04', 'EOFError'),
    ],
)
def test_ctrl_c_and_ctrl_d_end_it_and_the_mode_is_restored(
    terminal, keys, error
):
    terminal.type(keys)
    assert terminal.told() == error
    assert terminal.is_restored()


def test_a_closed_window_is_the_end_of_file(run):
    ignored = 'signal.signal(signal.SIGHUP, signal.SIG_IGN)\n'
    terminal = run(ignored + READ_LINES)
    assert terminal.told() == 'ready'
    terminal.type(SECRET)
    os.close(terminal.window)
    assert terminal.told() == 'EOFError'


def test_a_terminal_that_others_have_taken_is_the_end_of_file(run):
    indented = READ_LINES.replace('\n', '\n    ')
    terminal = run(f"""
signal.signal(signal.SIGTTIN, signal.SIG_IGN)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if child := os.fork():
    os.waitpid(child, 0)
else:
    os.setpgid(0, 0)  # in the background from here
    {indented}
    os._exit(0)
""")
    assert terminal.told() == 'ready'
    terminal.type('code\r')
    assert terminal.told() == 'EOFError'


# What is left of it


@pytest.mark.parametrize('text', [SECRET, SECRET * 1000])
def test_only_the_length_is_shown_and_only_when_it_is_complete(terminal, text):
    terminal.type(f'{text}\r')
    assert terminal.told() == text
    terminal.type(f'{text}\x03')
    assert terminal.told() == 'KeyboardInterrupt'
    shown = terminal.shown().replace('^C', '')
    assert shown == f'({len(text)} characters)\r\n'


@pytest.mark.parametrize(
    'end', ['pass', 'raise RuntimeError', 'raise KeyboardInterrupt']
)
def test_the_mode_of_the_terminal_is_restored(run, end):
    terminal = run(f"""
try:
    with HiddenLine() as line:
        tell('ready')
        read(line)
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
    assert terminal.is_restored()


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_the_mode_is_restored_on_signals_that_end_the_process(run, number):
    terminal = run("""
with HiddenLine() as line:
    tell('ready')
    read(line)
""")
    assert terminal.told() == 'ready'
    terminal.process.send_signal(number)
    assert terminal.process.wait(SECONDS) == 128 + number
    assert terminal.is_restored()


def test_signal_handlers_are_left_alone_and_put_back(run):
    terminal = run("""
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with HiddenLine():
    tell(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)
tell(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
""")
    assert terminal.told() is True
    assert terminal.told() is True


def test_what_is_typed_before_or_not_read_belongs_to_no_one(run):
    terminal = run("""
tell('ready')
select.select([0], [], [], 20)
with HiddenLine() as line:
    tell(line.poll(0))
    tell(line.poll(0.05))
    select.select([0], [], [], 20)
tell(select.select([0], [], [], 0)[0])
""")
    assert terminal.told() == 'ready'
    terminal.type('y\r')
    # The wait for a line has an end, too.
    assert [terminal.told(), terminal.told()] == [None, None]
    terminal.type('rm -rf\r')
    assert terminal.told() == []


def test_repr_shows_nothing_of_the_line(run):
    terminal = run("""
with HiddenLine() as line:
    tell('ready')
    select.select([0], [], [], 20)
    line.poll(0)
    tell(repr(line) + str(line))
""")
    assert terminal.told() == 'ready'
    terminal.type(SECRET)
    assert SECRET not in terminal.told()


# Where there is no one

ENTER = """
try:
    with HiddenLine():
        tell('entered')
except OSError:
    tell('OSError')
"""


@pytest.mark.parametrize(
    ('program', 'answer'),
    [
        ('tell(is_terminal())', False),
        ('sys.stdin.close()\ntell(is_terminal())', False),
        ('sys.stdin = None\ntell(is_terminal())', False),
        (ENTER, 'OSError'),
        ('tell(module["can_paste"]())', False),
    ],
)
def test_without_a_terminal_nobody_can_be_asked(program, answer):
    text = f'{PROLOGUE}\n{program}'
    if 'can_paste' in program:  # a system without termios
        text = PROLOGUE.replace('fcntl, ', '').replace('termios, ', '')
        text = f"import sys\nsys.modules['termios'] = None\n{text}\n{program}"
    done = subprocess.run(
        [sys.executable, '-c', text],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    assert json.loads(done.stdout) == answer
