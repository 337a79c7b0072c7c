from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from pipelines import servers

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, *_given: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def test_server_is_up_when_its_health_says_so() -> None:
    with answering(200) as url:
        assert servers.is_up(url)
        assert servers.is_up(url + "/")
    with answering(500) as url:
        assert not servers.is_up(url)
    assert not servers.is_up(url)
    assert not servers.is_up("nonsense")


def test_address_is_what_the_environment_says_else_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere:1/api")
    assert servers.api_url() == "http://elsewhere:1/api"
    monkeypatch.delenv("PREFECT_API_URL")
    assert servers.api_url() == servers.DEFAULT_URL


def test_server_that_answers_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        with servers.provided() as own:
            assert not own
        with servers.connected() as found:
            assert found == url


def test_server_elsewhere_is_not_started_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.invalid:4200/api")
    with pytest.raises(LakeError, match="not this machine") as caught, servers.provided():
        pass
    assert caught.value.code == "E_PREFECT_DOWN"
