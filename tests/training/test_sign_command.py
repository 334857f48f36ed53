"""`levensloop sign --out`: a signature for the board's page, which the command itself does not record."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.board import record_signature
from training.commands import app


def test_a_signature_is_written_and_not_recorded(
    make_board: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = make_board(tmp_path / "home")
    candidate, out = board.candidate(), tmp_path / "signature.json"
    monkeypatch.setenv("LEVENSLOOP_HOME", str(board.home.path))
    monkeypatch.setenv("LEVENSLOOP_PASSPHRASE", "secret")
    given = ["--role", "owner", "--key", str(board.home.keys / "owner.pem"), "--reason", "too few births", "--refuse"]
    done = CliRunner().invoke(app, ["sign", *given, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert not (candidate.path / "signatures").exists()
    decided = record_signature(board.home, out.read_text(), release_id=candidate.id)
    assert (decided.person, decided.decision, decided.reason) == ("Anna", "refuse", "too few births")
    assert "PRIVATE" not in out.read_text()
