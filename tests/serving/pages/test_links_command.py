"""`levensloop sign-in-link`: one line on stdout that lets one person in."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.errors import UsageError
from models.home import Home
from serving.commands import app
from serving.pages.links import open_link


def run(monkeypatch: pytest.MonkeyPatch, home: Path, *arguments: str) -> Any:
    monkeypatch.setenv("LEVENSLOOP_HOME", str(home))
    return CliRunner().invoke(app, ["sign-in-link", *arguments])


def test_link_of_the_command_lets_its_person_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    printed = run(monkeypatch, tmp_path, "--role", "board", "--person", "Anna", "--url", "https://bank.example/").stdout
    address, token = printed.strip().split("?link=")
    assert address == "https://bank.example/pages/sign-in"
    opened = open_link(Home(tmp_path), token, at=datetime.now(UTC))
    assert (opened.identity.role, opened.identity.who) == ("board", "Anna")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role", "customer"], ["--role", "customer", "--person", "Anna"], ["--role", "board", "--customer", "c-1"],
        ["--role", "customer", "--customer", "c-1", "--person", "Anna"], ["--role", "admin", "--person", "Anna"],
    ],
)  # fmt: skip
def test_link_for_nobody_in_particular_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    assert isinstance(run(monkeypatch, tmp_path, *arguments).exception, UsageError)
    assert not Home(tmp_path).link_key.exists()
