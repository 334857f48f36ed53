"""The environment becomes settings once, or one sentence."""

from pathlib import Path

import pytest

from models.errors import UsageError
from serving.settings import check_telemetry_off, read_settings


def test_defaults_are_two_workers_on_loopback(tmp_path: Path) -> None:
    settings = read_settings({"LEVENSLOOP_HOME": str(tmp_path)})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 3000, 2)
    assert (settings.demo, settings.strict_customers) == (False, False)
    assert settings.database_url == f"sqlite:///{tmp_path / 'levensloop.db'}"


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
