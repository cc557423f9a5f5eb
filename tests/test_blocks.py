"""session.use(): never the wrong user, in threads, tasks and generators."""

from __future__ import annotations

import json

import pytest

from tests.harness import Owner


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody with a web tool for the users Alice and Carol."""
    for name in ('Alice', 'Carol'):
        wiki.add_user(name)
    owner = Owner(tmp_path, wiki)
    owner.log_in()
    return owner


START = """
import asyncio, json, sys, time
from concurrent.futures import ThreadPoolExecutor
import pywikibot, pywikibot_oauth2
from pywikibot import config
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.token import Token
key, client_id, wiki, pairs = json.load(open('pairs.json'))
auth = config.authenticate[key]
def session(user):
    found = Authorization(client_id, wiki, user, Token(*pairs[user]))
    return pywikibot_oauth2.OAuth2Session.deserialize(
        found.serialize(), auth.client)
alice, carol = session('Alice'), session('Carol')
def save(user, title, **options):
    page = pywikibot.Page(pywikibot.Site('en', user=user), title)
    page.text = user or 'Bot'
    page.save('a test', quiet=True, **options)
def refused(call, *arguments):
    try:
        call(*arguments)
    except Exception as error:
        print('refused', error)
    else:
        print('done')
"""


def run(owner, wiki, text):
    """Run a program; return what it printed and who has edited what."""
    pairs = {
        user: [*wiki.issue(owner.client, user)[:2]]
        for user in ('Alice', 'Carol')
    }
    owner.write(
        'pairs.json',
        json.dumps([wiki.netloc, owner.client.id, wiki.url, pairs]),
    )
    before = len(wiki.edits)
    printed = owner.python(START + text)
    return printed, [(e.user, e.title) for e in wiki.edits[before:]]


def test_a_block_edits_as_its_user_and_the_bot_does_afterwards(owner, wiki):
    printed, edits = run(
        owner,
        wiki,
        """
save(None, 'One')
with alice.use():
    save('Alice', 'Two')
with carol.use():
    save('Carol', 'Three')
save(None, 'Four')
""",
    )
    assert edits == [
        ('Bot', 'One'),
        ('Alice', 'Two'),
        ('Carol', 'Three'),
        ('Bot', 'Four'),
    ]


@pytest.mark.parametrize(
    'text',
    [
        """
with alice.use(), ThreadPoolExecutor(1) as pool:
    pywikibot.Site('en', user='Alice').login()
    refused(pool.submit(save, 'Alice', 'One').result)
""",
        """
async def main():
    with alice.use():
        pywikibot.Site('en', user='Alice').login()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, save, 'Alice', 'One')
        except Exception as error:
            print('refused', error)
asyncio.run(main())
""",
    ],
)
def test_an_executor_is_refused(owner, wiki, text):
    printed, edits = run(owner, wiki, text)
    assert 'refused' in printed
    assert edits == []


def test_a_change_of_a_thread_in_no_block_is_not_sent(owner, wiki):
    before = wiki.count('/api.php')
    printed, edits = run(
        owner,
        wiki,
        """
from pywikibot.comms import http
def change():
    http.fetch(wiki + '/api.php', 'POST',
               data={'action': 'edit', 'title': 'One', 'token': 'x'})
with alice.use(), ThreadPoolExecutor(1) as pool:
    refused(pool.submit(change).result)
""",
    )
    assert 'is not within a "with session.use()" block' in printed
    assert edits == []
    assert wiki.count('/api.php') == before


def test_tasks_and_to_thread_act_for_the_block_they_began_in(owner, wiki):
    _, edits = run(
        owner,
        wiki,
        """
async def edit(session, title):
    with session.use():
        await asyncio.to_thread(save, session.user, title)
        await asyncio.create_task(asyncio.sleep(0))
        save(session.user, title + ' again')
async def main():
    await asyncio.gather(edit(alice, 'A'), edit(carol, 'C'))
asyncio.run(main())
""",
    )
    assert {*edits} == {
        ('Alice', 'A'),
        ('Alice', 'A again'),
        ('Carol', 'C'),
        ('Carol', 'C again'),
    }


def test_a_task_that_outlives_its_block_is_refused(owner, wiki):
    printed, edits = run(
        owner,
        wiki,
        """
async def late(event):
    await event.wait()
    refused(save, 'Alice', 'Late')
async def main():
    event = asyncio.Event()
    with alice.use():
        task = asyncio.create_task(late(event))
        await asyncio.sleep(0)
    event.set()
    await task
asyncio.run(main())
""",
    )
    assert 'has ended' in printed
    assert edits == []


def test_interleaved_generators_are_refused(owner, wiki):
    printed, edits = run(
        owner,
        wiki,
        """
def edit(session):
    with session.use():
        yield save(session.user, session.user)
        yield save(session.user, session.user + ' again')
first, second = edit(alice), edit(carol)
next(first)
refused(next, second)
next(first)
first.close()
next(edit(carol))
""",
    )
    assert 'A block of Alice is open here' in printed
    assert edits == [
        ('Alice', 'Alice'),
        ('Alice', 'Alice again'),
        ('Carol', 'Carol'),
    ]


def test_blocks_that_are_left_out_of_order_are_reported(owner, wiki):
    printed, _ = run(
        owner,
        wiki,
        """
first, second = alice.use(), alice.use()
first.__enter__()
second.__enter__()
refused(first.__exit__, None, None, None)
second.__exit__(None, None, None)
from pywikibot_oauth2 import blocks
print(blocks.current_block())
""",
    )
    assert 'left out of order' in printed
    assert printed.endswith('None\n')


def test_the_first_blocks_of_two_threads_do_not_meet(owner, wiki):
    _, edits = run(
        owner,
        wiki,
        """
import threading
barrier = threading.Barrier(2)
def work(session):
    barrier.wait()
    with session.use():
        save(session.user, session.user)
threads = [threading.Thread(target=work, args=[s]) for s in (alice, carol)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
    )
    assert {*edits} == {('Alice', 'Alice'), ('Carol', 'Carol')}


def test_nothing_stays_in_authenticate_when_no_block_is_open(owner, wiki):
    printed, _ = run(
        owner,
        wiki,
        """
del config.authenticate[key]
with alice.use():
    print(len(config.authenticate))
    save('Alice', 'One')
print(len(config.authenticate))
config.authenticate[key] = ('a', 'b', 'c', 'd')
refused(alice.use().__enter__)
""",
    )
    assert '1\n0\n' in printed
    assert 'not an OAuth2Auth' in printed


def test_an_asynchronous_save_is_refused(owner, wiki):
    printed, edits = run(
        owner,
        wiki,
        """
def done(page, error):
    print('callback', error)
with alice.use():
    save('Alice', 'One', asynchronous=True, callback=done)
    time.sleep(0.1)
    pywikibot.stopme()
""",
    )
    assert ('Bot', 'One') not in edits
    assert edits == []


def test_a_site_of_another_user_is_refused_within_a_block(owner, wiki):
    printed, edits = run(
        owner,
        wiki,
        """
with alice.use():
    refused(save, 'Carol', 'One')
""",
    )
    assert 'is for Carol' in printed
    assert edits == []
