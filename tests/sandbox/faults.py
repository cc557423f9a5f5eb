"""What goes wrong on request.

============ ======= ==================================================
kind         handled what the client gets
============ ======= ==================================================
status       no      HTTP *status*, with *retry_after* and *body* if given
html         no      HTTP 200 and an HTML page
empty        no      HTTP 200 and nothing
redirect     no      HTTP *status* (302), Location *location*
reset_before no      the connection is reset
hang_before  no      silence, until the client or the sandbox gives up
half         yes     half of the body, then the connection is closed
reset_after  yes     the connection is reset
hang_after   yes     silence
rewrite      yes     the JSON body as the callable *change* returns it
slow         yes     the answer, *delay* seconds late
============ ======= ==================================================

*handled* says whether the request was carried out on the server.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, namedtuple

from .server import Response, html_response, response


Fault = namedtuple('Fault', 'kind path options')
MAINTENANCE = 'Our servers are currently under maintenance.'
HTML = 'text/html; charset=utf-8'


class Faults:
    """The faults to come, and a count of those that were served."""

    def __init__(self):
        self.served = Counter()
        self._waiting = []
        self._lock = threading.Lock()

    def add(self, kind, times, path, options):
        """Let *times* requests to a path containing *path* go wrong."""
        with self._lock:
            self._waiting += [Fault(kind, path, options)] * times

    def clear(self):
        with self._lock:
            self._waiting.clear()

    def take(self, path):
        with self._lock:
            for fault in self._waiting:
                if fault.path in path:
                    self._waiting.remove(fault)
                    self.served[fault.kind] += 1
                    return fault
        return None


def serve(fault, request, handle):
    """Answer *request* with *fault*; *handle* carries a request out."""
    options, kind = fault.options, fault.kind
    request.fault = kind
    if kind in ('reset_before', 'hang_before'):
        answer = Response(200)
    elif kind == 'status':
        answer = _status(**options)
    elif kind == 'html':
        answer = html_response('Error', options.get('body', MAINTENANCE))
    elif kind == 'empty':
        answer = response(200, b'', 'text/html')
    elif kind == 'redirect':
        location = options['location']
        answer = Response(
            options.get('status', 302), b'', [('Location', location)]
        )
    else:
        time.sleep(options.get('delay', 0))
        answer = handle(request)
    if kind == 'rewrite':
        data = options['change'](json.loads(answer.body))
        answer.body = json.dumps(data).encode()
    delivery = kind.partition('_')[0]
    if delivery in ('half', 'reset', 'hang'):
        answer.delivery = delivery
    return answer


def _status(status=503, retry_after=None, body=MAINTENANCE, content_type=HTML):
    wait = {} if retry_after is None else {'Retry_After': retry_after}
    if 'html' in content_type:
        body = f'<!DOCTYPE html><title>Error</title><p>{body}</p>'
    return response(status, body.encode(), content_type, **wait)
