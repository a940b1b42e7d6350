"""HTTP sessions (of requests) whose answers are over in time as a whole."""

import functools
import http.client
import io
import logging
import socket
import time
from typing import Any

from requests import PreparedRequest, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import PoolManager
from urllib3.response import HTTPResponse
from urllib3.util import Retry

from adapters.deadline import seconds_left
from adapters.incoming import Incoming


def open_session(connections: int) -> Session:
    """A session that keeps so many connections to a host; each call's read timeout is for the whole answer.

    Its callers authenticate themselves: no password of a .netrc file takes the place of what they send.
    """
    # as warnings urllib3 logs addresses, and those hold companies' names and domains (rule S5)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    session = Session()
    session.auth = _as_it_is
    for scheme in ("https://", "http://"):
        session.mount(scheme, _WholeAnswers(connections))
    return session


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    return request


class _WholeAnswers(HTTPAdapter):
    """An adapter of requests sessions whose read timeout is for the whole answer, head and body.

    Only what never reached the other side is sent again, once: whatever has an answer, or may have had an
    effect, is for the caller to decide. (urllib3 by itself would sleep for as long as Retry-After says.)
    """

    def __init__(self, connections: int) -> None:
        reconnecting = Retry(
            total=1, connect=1, read=False, other=False, status=0, respect_retry_after_header=False
        )
        super().__init__(max_retries=reconnecting, pool_maxsize=connections)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class _Answer(http.client.HTTPResponse):
    def __init__(self, connection: socket.socket, *arguments: Any, seconds: float, **named: Any) -> None:
        super().__init__(connection, *arguments, **named)
        ends = time.monotonic() + seconds
        self.fp.close()
        self.fp = io.BufferedReader(Incoming(connection, lambda: ends - time.monotonic()))


class _Whole(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 overrides it
        if isinstance(self.timeout, int | float):
            # the request's own time counts too, where the thread knows it
            self.response_class = functools.partial(  # type: ignore[assignment]
                _Answer, seconds=seconds_left(self.timeout)
            )
        return super().getresponse()


class _WholeOverTls(_Whole, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Whole


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _WholeOverTls
