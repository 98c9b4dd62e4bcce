"""Proxies that the environment names for an endpoint."""

import sys

import httpx2
import pytest

from helpers.endpoint_prompts import GOOD, PROMPT, send
from helpers.vlm_server import Server
from omniedit.errors import UserError
from omniedit.vlm import Endpoint
from omniedit.vlm.endpoint import RequestFault
from omniedit.vlm.proxies import find_proxy

PROXIES = [f"{name}_proxy" for name in ("http", "https", "all", "no")]


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://127.0.0.1:9", "nonsense://x"])
def test_local_endpoint_is_reached_without_a_proxy(good: Server, no_proxies: pytest.MonkeyPatch, proxy: str) -> None:
    no_proxies.setenv("ALL_PROXY", proxy)
    assert send(good).text == GOOD
    no_proxies.setenv("NO_PROXY", "judge.example")
    Endpoint("http://judge.example/v1", "judge")


@pytest.mark.parametrize(
    "host", ["localhost.", "a.localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0", "ip6-localhost"]
)
def test_local_host_names_bypass_the_proxy(host: str, no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("ALL_PROXY", "http://proxy:1")
    assert find_proxy(httpx2.URL(f"http://{host}:8000/v1")) is None


@pytest.mark.parametrize(
    ("entries", "urls"),
    [
        ("judge.example", ["https://judge.example/v1", "https://a.judge.example"]),
        ("x, judge.example:8000", ["http://judge.example:8000/v1"]),
        ("judge.example:443", ["https://judge.example/v1"]),
        ("10.0.0.0/8,fd00::/8", ["http://10.1.2.3:8000/v1", "http://[fd00::1]/v1"]),
        ("[fd00::1]", ["http://[fd00::1]:8000/v1"]),
        ("*.example.org, 10.0.*", ["http://judge.Example.org/v1", "http://10.0.1.2/v1"]),
        ("*", ["http://judge.example"]),
    ],
)
def test_no_proxy_entries_are_respected(entries: str, urls: list[str], no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("all_proxy", "http://proxy:1")
    no_proxies.setenv("no_proxy", entries)
    assert [find_proxy(httpx2.URL(url)) for url in urls] == [None] * len(urls)
    if entries != "*":
        for other in ("http://other.example", "http://11.0.0.1:8000", "http://[fe00::1]"):
            assert find_proxy(httpx2.URL(other)) == "http://proxy:1"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS5"])
def test_socks_proxy_error_names_the_missing_package(scheme: str, no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setitem(sys.modules, "socksio", None)
    no_proxies.setenv("ALL_PROXY", f"{scheme}://bob:hunter2@proxy:1080")
    with pytest.raises(UserError, match=r"proxy (?i:socks5h?)://\*\*\*@proxy:1080 .*pip install socksio\).*NO_PROXY"):
        Endpoint("https://judge.example/v1", "judge")
    no_proxies.setenv("NO_PROXY", "judge.example")
    Endpoint("https://judge.example/v1", "judge")


def test_unusable_proxy_is_named_without_its_password(no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("HTTP_PROXY", "http://bob:hunter2@127.0.0.1:9")
    judge = Endpoint("http://judge.example/v1", "judge", timeout_s=2)
    with pytest.raises(RequestFault, match=r"no connection by the environment's proxy http://\*\*\*@127.0.0.1:9: "):
        judge.send(judge.request(PROMPT))
    no_proxies.setenv("HTTP_PROXY", "nonsense://x")
    with pytest.raises(UserError, match=r"the environment's proxy nonsense://x cannot be used .*NO_PROXY"):
        Endpoint("http://judge.example/v1", "judge")
