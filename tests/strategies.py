"""Input of any kind, for tests with hypothesis."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.raw import response


# All examples of a test share its fixtures, and may be slow.
SUPPRESSED = HealthCheck.function_scoped_fixture, HealthCheck.too_slow


def examples(number):
    """Return the settings of a test: the same examples at every run."""
    return settings(
        max_examples=number, deadline=None, derandomize=True, database=None,
        suppress_health_check=SUPPRESSED,
    )  # fmt: skip


# All characters, including surrogates, which terminals and JSON can contain.
anything = st.text(st.characters(exclude_categories=()), max_size=60)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | anything
odd = [10**400, -1, 0, 1, 2, '1', 3600, 1e300, '', 'abc']
values = st.recursive(
    scalars | st.sampled_from(odd),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(anything, inner, max_size=3)
    ),
    max_leaves=6,
)


def mixed(**fields):
    """Return dicts of these fields, some missing, and of others."""
    return st.builds(
        lambda known, more: {**more, **known},
        st.fixed_dictionaries({}, optional=fields),
        st.dictionaries(anything, values, max_size=2),
    )


bearers = st.sampled_from(['abc', 'a.b.c', '', 'a\nb']) | values
replies = mixed(access_token=bearers, refresh_token=values, expires_in=values,
                token_type=values)  # fmt: skip
tokens = mixed(
    access_token=bearers,
    refresh_token=st.none() | st.just('def') | values,
    expires_at=st.none() | st.floats(0, 4e9) | values,
    lifetime=values,
)
good = {'access_token': 'abc', 'refresh_token': 'def', 'expires_in': 20,
        'token_type': 'Bearer'}  # fmt: skip
codes = ['invalid_request', 'invalid_client', 'invalid_grant', 'access_denied']
errors = mixed(error=st.sampled_from(codes) | values, hint=values,
               error_description=values)  # fmt: skip
nearly_good = replies.map(lambda reply: {**good, **reply})
bodies = st.binary(max_size=60) | st.one_of(
    values, replies, errors, nearly_good
).map(lambda data: json.dumps(data).encode())
statuses = st.sampled_from(
    [b'200 OK', b'200', b'204 No Content', b'304 Not Modified', b'abc', b'']
) | st.integers(200, 999).map(lambda number: b'%d X' % number)
names = st.sampled_from(
    [b'Content-Type', b'Content-Encoding', b'Transfer-Encoding',
     b'Content-Length', b'Retry-After', b'Location', b'Set-Cookie',
     b'WWW-Authenticate', b'Connection', b'X']
)  # fmt: skip
header_values = st.sampled_from(
    [b'application/json', b'text/html; charset=', b'x; charset=utf-16',
     b'text/html; charset=idna', b'gzip', b'deflate', b'br', b'chunked',
     b'0', b'5', b'-1', b'soon', b'http://127.0.0.1:9/', b'//', b'http://[',
     b'Wed, 21 Oct 2099 07:28:00 GMT', b'a=b; Max-Age=x', b'a=b; expires=x']
) | st.binary(max_size=20).filter(lambda data: not {*data} & {*b'\n\r'})  # fmt: skip
fields = st.tuples(names, header_values).map(b': '.join)
headers = st.lists(fields, max_size=3)
lengths = st.none() | st.sampled_from([0, 1, 5, 10**4])
answers = (
    st.builds(response, statuses, headers, bodies, lengths)
    | st.builds(response, body=bodies)
    | st.binary(max_size=60)
)
