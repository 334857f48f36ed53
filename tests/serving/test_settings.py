"""The environment becomes settings once, or one sentence."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import IntegrityError, UsageError
from models.home import Home, find_home
from models.own_store import verify_own_trail
from models.store import open_store
from models.trail import append_trail
from serving.running import build_environment
from serving.settings import check_telemetry_off, read_settings


def test_defaults_are_two_workers_on_loopback(tmp_path: Path) -> None:
    settings = read_settings({"LEVENSLOOP_HOME": str(tmp_path)})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 3000, 2)
    assert (settings.demo, settings.strict_customers) == (False, False)
    assert settings.home.database_url == f"sqlite:///{tmp_path / 'levensloop.db'}"


def test_the_named_database_is_that_of_service_trail_and_promotion(tmp_path: Path) -> None:
    """`trail verify`, `promote` and the service all work with `find_home().database_url`."""
    url = f"sqlite:///{tmp_path / 'elsewhere' / 'bank.db'}"
    environ = {"LEVENSLOOP_HOME": str(tmp_path), "LEVENSLOOP_DATABASE_URL": url}
    assert find_home(environ).database_url == url
    settings = read_settings(environ)
    assert settings.home == find_home(environ)
    # The workers, too, and they read what this process hands down.
    assert read_settings(build_environment(settings, {})).home == settings.home
    assert read_settings(build_environment(read_settings({"LEVENSLOOP_HOME": str(tmp_path)}), environ)).home == Home(
        tmp_path, f"sqlite:///{tmp_path / 'levensloop.db'}"
    )


def test_pages_of_the_workers_are_those_of_the_settings(tmp_path: Path) -> None:
    environ = {
        "LEVENSLOOP_HOME": str(tmp_path), "LEVENSLOOP_SIGN_ON_HEADER": "X-Bank-User",
        "LEVENSLOOP_SIGN_ON_SECRET_FILE": str(tmp_path / "secret"), "LEVENSLOOP_BOOKINGS": str(tmp_path / "b.parquet"),
    }  # fmt: skip
    settings = read_settings(environ)
    assert (settings.sign_on_header, settings.sign_on_secret_file) == ("X-Bank-User", tmp_path / "secret")
    assert replace(read_settings(build_environment(settings, {})), home=settings.home) == settings
    plain = read_settings({"LEVENSLOOP_HOME": str(tmp_path)})
    assert (plain.sign_on_header, plain.sign_on_secret_file, plain.bookings) == ("", None, None)
    assert replace(read_settings(build_environment(plain, {})), home=plain.home) == plain


def test_trail_of_the_named_database_is_the_one_that_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere' / 'bank.db'}"
    monkeypatch.setenv("LEVENSLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEVENSLOOP_DATABASE_URL", url)
    store = open_store(url)
    with store.write() as connection:
        append_trail(connection, "promotion", {"who": "Dana"}, at=datetime(2026, 11, 22, tzinfo=UTC))
    store.close()
    verify_own_trail()
    with sqlite3.connect(tmp_path / "elsewhere" / "bank.db") as connection:
        connection.execute("DROP TRIGGER trail_no_update")
        connection.execute("UPDATE trail SET kind = 'another'")
    connection.close()
    with pytest.raises(IntegrityError):
        verify_own_trail()
    assert not (tmp_path / "home" / "levensloop.db").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEVENSLOOP_DEMO", "perhaps"),
        ("LEVENSLOOP_PORT", "70000"),
        ("LEVENSLOOP_PORT", "³"),
        ("LEVENSLOOP_WORKERS", "1"),
        ("LEVENSLOOP_HOST", "0.0.0.0"),  # noqa: S104 - the address that must be refused
        ("LEVENSLOOP_HOST", "localhost"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_without_repeating_it(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({name: value})
    assert name in str(caught.value)
    assert value not in str(caught.value)


def test_service_refuses_to_start_while_telemetry_is_on() -> None:
    with pytest.raises(UsageError, match="BENTOML_DO_NOT_TRACK"):
        check_telemetry_off({})
    check_telemetry_off({"BENTOML_DO_NOT_TRACK": "True"})


def test_no_request_is_traced_or_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """BentoML puts tracing around every request; spans that nobody takes stay in memory."""
    from opentelemetry.sdk.trace import TracerProvider

    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)  # whoever imported the service in this process set it
    assert TracerProvider().get_tracer("bentoml").start_span("request").is_recording()
    environ = build_environment(read_settings({"LEVENSLOOP_HOME": str(tmp_path)}), {})
    monkeypatch.setenv("OTEL_SDK_DISABLED", environ["OTEL_SDK_DISABLED"])
    assert not TracerProvider().get_tracer("bentoml").start_span("request").is_recording()
