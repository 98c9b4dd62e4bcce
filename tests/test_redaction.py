"""Tests that URLs show no password, key or token, and that jobs still get the whole URL."""

import pytest

from omniedit.redaction import ENVIRONMENT, export_secrets, redact, redact_values, restore


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://bob:hunter2@host/v1: HTTP 401", "http://***@host/v1: HTTP 401"),
        ("http://bob:p@ss:w@host:80/v1", "http://***@host:80/v1"),
        ("https://token@host", "https://***@host"),
        ("s3://KEY:SECRET@bucket/{00000..00009}.tar", "s3://***@bucket/{00000..00009}.tar"),
        ("https://h/x.tar?X-Amz-Signature=abc&part=1", "https://h/x.tar?X-Amz-Signature=***&part=1"),
        ("https://h/v1?api-version=1&api-key=abc", "https://h/v1?api-version=1&api-key=***"),
        ("https://h/?access_token=abc#top", "https://h/?access_token=***#top"),
        ("https://h/cb#access_token=abc&v=1", "https://h/cb#access_token=***&v=1"),
        ("https://h/?Policy=a&Signature=b&Key-Pair-Id=K", "https://h/?Policy=***&Signature=***&Key-Pair-Id=K"),
        ("https://h/?user=bob&pass=abc", "https://h/?user=bob&pass=***"),
        ("https://h/?compass=north&codec=h", "https://h/?compass=north&codec=h"),
        ("https://h/?sig=a%2Fb&se=2026", "https://h/?sig=***&se=2026"),
        (
            "https://h/?access%5Ftoken=a&token[]=b&session_id=c&__sig=d",
            "https://h/?access%5Ftoken=***&token[]=***&session_id=***&__sig=***",
        ),
        ("https://bob:a/b@host/x: refused", "https://***@host/x: refused"),
        ("bob:pw@host:8000/v1: not an address", "***@host:8000/v1: not an address"),
        ("mailto:bob@example.org/ and tag:1@sha256", "mailto:bob@example.org/ and tag:1@sha256"),
        ("https://host:8000/a@b", "https://host:8000/a@b"),
        ("{'Authorization': 'Bearer abc', 'x-api-key': 'def'}", "{'Authorization': 'Bearer ***', 'x-api-key': '***'}"),
        ("api_key_env: KEY, authorization: yes", "api_key_env: KEY, authorization: ***"),
        ("Incorrect API key: sk-proj-abcdefghijkl0123456789.", "Incorrect API key: ***."),
        ("hf_abcdefghijklmnopqrst AKIAIOSFODNN7EXAMPLE Basic training", "*** *** Basic training"),
        ("https://host/a@b?author=bob&keyword=cat", "https://host/a@b?author=bob&keyword=cat"),
        ("write to bob@example.org: see http://host/", "write to bob@example.org: see http://host/"),
    ],
)
def test_only_secrets_in_urls_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown and redact(shown) == shown


def test_every_text_of_a_config_is_redacted() -> None:
    values = {"a": ["http://u:p@h", 1, None], "b": {"c": ("http://h", True)}}
    assert redact_values(values) == {"a": ["http://***@h", 1, None], "b": {"c": ["http://h", True]}}


def test_jobs_restore_a_redacted_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    export_secrets([None, "http://host/v1"])
    assert restore("http://***@host/v1") == "http://***@host/v1"
    monkeypatch.setenv(ENVIRONMENT, "")
    export_secrets(["http://bob:hunter2@host/v1", "http://host/v1"])
    assert (
        restore("http://***@host/v1") == "http://bob:hunter2@host/v1" and restore("http://host/v1") == "http://host/v1"
    )


def test_jobs_restore_redacted_urls_of_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "")
    export_secrets(["https://bob:pw{1@host/{00..12}.tar?sv=1&sig=a{2}b"])
    export_secrets(["http://bob:pw@host/v1"])  # from a second module
    assert restore("https://***@host/07.tar?sv=1&sig=***") == "https://bob:pw{1@host/07.tar?sv=1&sig=a{2}b"
    assert restore("http://***@host/v1") == "http://bob:pw@host/v1"
    for other in ("https://***@host/x.tar?sv=1&sig=***", "https://***@host/07.tar", "photos/00.tar"):
        assert restore(other) == other
