"""All that is said to ``rest.php/oauth2``, and what its answers mean."""

from __future__ import annotations

import contextlib
import enum
import hmac
import io
import json
import logging
import re
import secrets
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from oauthlib.oauth2 import (
    BackendApplicationClient,
    OAuth2Error as ProtocolError,
    WebApplicationClient,
)
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth2Session as _Session
from urllib3.exceptions import HTTPError

from pywikibot_oauth2 import host
from pywikibot_oauth2.authorization import PendingLogin
from pywikibot_oauth2.errors import (
    AnswerNotAcceptedError,
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    EndpointError,
)
from pywikibot_oauth2.token import Token, seconds
