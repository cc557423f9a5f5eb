"""Tests of the hidden line, in real pseudo-terminals."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import termios
import threading

import pytest

from pywikibot_oauth2.login import prompt
from tests import harness


SECRET = 'def50200c0ffee'
SECONDS = 20  # more than anything here takes

# The program in the terminal tells the test what happens on standard
# output, which is not a terminal; standard input and standard error are. It
# loads the module without the package, which is ten times as fast.
PROLOGUE = f"""
import json, os, runpy, select, signal, sys, termios, threading
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
INDENTED = READ_LINES.replace('\n', '\n    ')


class Terminal(harness.Terminal):
    """A terminal window with a program in it, which is ready."""

    def __init__(self, program):
        command = [sys.executable, '-c', PROLOGUE + program + EPILOGUE]
        super().__init__(command, stdout=subprocess.PIPE)

    def __enter__(self):
        self.watchdog = threading.Timer(SECONDS, self.process.kill)
        self.watchdog.start()
        assert self.told() == 'ready'
        return self

    def __exit__(self, *exc_info):
        super().__exit__(*exc_info)
        self.watchdog.cancel()
        self.process.stdout.close()

    def told(self):
        """Return what the program tells next."""
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def run():
    with contextlib.ExitStack() as stack:
        yield lambda program: stack.enter_context(Terminal(program))


@pytest.fixture
def terminal(run):
    return run(READ_LINES)


# What is typed and pasted


def test_a_paste_of_any_length_arrives_and_only_its_length_is_shown(terminal):
    lengths = len(SECRET), 1024, 4096, 70000
    for length in lengths:
        text = (SECRET * length)[:length]
        terminal.type(f'{text}\r')
        assert terminal.told() == text
    # One that is not complete leaves nothing.
    terminal.type(f'{text}\x03')
    assert terminal.told() == 'KeyboardInterrupt'
    assert terminal.is_restored()
    terminal.expect('the end')
    shown = terminal.text.replace('^C', '').splitlines()
    assert shown[:-1] == [f'({length} characters)' for length in lengths]


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
    tell('ready')
    while True:
        select.select([0], [], [], 20)
        tell(line.poll(0))
""")
    *keys, last = '\x1b[200~äbx\x7f\x1bOPc\x1b[201~\r'.encode()
    for key in keys:
        terminal.type(bytes([key]))
        assert terminal.told() is None
    terminal.type(bytes([last]))
    assert terminal.told() == 'äbc'


def test_it_works_outside_the_main_thread_with_ctrl_c_as_a_key(run):
    terminal = run(f"""
def work():
    {INDENTED}
thread = threading.Thread(target=work)
thread.start()
thread.join()
""")
    terminal.type(f'{SECRET}\r\x03')
    assert terminal.told() == SECRET
    assert terminal.told() == 'KeyboardInterrupt'


# What ends the wait


@pytest.mark.parametrize(
    ('keys', 'error'), [('\x03', 'KeyboardInterrupt'), ('\x04', 'EOFError')]
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
    terminal.type(SECRET)
    terminal.close()
    assert terminal.told() == 'EOFError'


def test_a_terminal_that_others_have_taken_is_the_end_of_file(run):
    terminal = run(f"""
signal.signal(signal.SIGTTIN, signal.SIG_IGN)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if child := os.fork():
    os.waitpid(child, 0)
else:
    os.setpgid(0, 0)  # in the background from here
    {INDENTED}
    os._exit(0)
""")
    terminal.type('code\r')
    assert terminal.told() == 'EOFError'


# What is left of it


@pytest.mark.parametrize('end', ['pass', 'raise RuntimeError'])
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
    inside = termios.tcgetattr(terminal._window)
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
    terminal.process.send_signal(number)
    assert terminal.process.wait(SECONDS) == 128 + number
    assert terminal.is_restored()


def test_signal_handlers_are_left_alone_and_put_back(run):
    terminal = run("""
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with HiddenLine():
    tell('ready')
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
    line.poll(0)
    tell(repr(line) + str(line))
    select.select([0], [], [], 20)
tell(select.select([0], [], [], 0)[0])
""")
    terminal.type('y\r')
    # The wait for a line has an end, too.
    assert [terminal.told(), terminal.told()] == [None, None]
    terminal.type(SECRET)
    assert SECRET not in terminal.told()
    terminal.type('rm -rf\r')
    assert terminal.told() == []


# Where there is no one


def told_without_terminal(program):
    """Return all that a program tells that has no terminal."""
    output = subprocess.check_output(
        [sys.executable, '-c', program],
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
    )
    return [json.loads(line) for line in output.splitlines()]


def test_without_a_terminal_nobody_can_be_asked():
    assert told_without_terminal(f"""{PROLOGUE}
tell(is_terminal())
try:
    with HiddenLine():
        tell('entered')
except OSError:
    tell('OSError')
sys.stdin.close()
tell(is_terminal())
sys.stdin = None
tell(is_terminal())
""") == [False, 'OSError', False, False]


def test_a_system_without_termios_cannot_hide_a_line():
    program = PROLOGUE.replace('termios, ', '')
    hidden = "import sys\nsys.modules['termios'] = None\n"
    shown = 'tell(module["can_paste"]())'
    assert told_without_terminal(hidden + program + shown) == [False]
