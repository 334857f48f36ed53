"""Training and serving have no way to the vault: no import leads to it, no key reaches them, and they do not try."""

import ast
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import UnreadableDataError
from models.home import VAULT_VARIABLES, Home
from serving.running import build_environment
from serving.settings import read_settings
from training.fairness.vault import create_vault, open_vault
from training.simulation import simulate

ROOT = Path(__file__).parents[3]
VAULT = {"training.fairness.vault", "training.fairness.vault_key"}
# Those alone may lead there: the verbs that make and delete the vault, and what is added for the audit.
DOORS = {"training.commands", "training.fairness.vault_commands"}
WORDS = "secret"

# Runs first in every Python process that has its folder on the path, and writes down every file and module touched.
WATCH = """
import json, os, sys
_touched = []
def _watch(event, arguments):
    if event in ("open", "import") and arguments and isinstance(arguments[0], (str, bytes, os.PathLike)):
        _touched.append([event, os.fsdecode(arguments[0])])
sys.addaudithook(_watch)
import atexit
def _tell(write=os.write, open=os.open):
    seen = {"touched": list(_touched), "environ": sorted(os.environ)}
    write(open(os.environ["WATCHED"] + f".{os.getpid()}", os.O_CREAT | os.O_WRONLY), json.dumps(seen).encode())
atexit.register(_tell)
"""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(source: str) -> set[str]:
    """Modules that a source imports anywhere in it; `from a import b` may mean the module a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            names |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return names


def reachable(start: str, imports: dict[str, set[str]]) -> set[str]:
    """Every module of ours that importing `start` can lead to."""
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name in imports and name not in found:
            found.add(name)
            waiting += imports[name]
    return found


def test_no_module_of_training_or_serving_leads_to_the_vault() -> None:
    paths = [path for package in ("models", "training", "serving") for path in (ROOT / package).rglob("*.py")]
    imports = {module_name(path): imported_modules(path.read_text("utf-8")) for path in paths}
    assert set(imports) >= VAULT | DOORS
    apart = [name for name in imports if not name.startswith("training.fairness") and name not in DOORS]
    assert {"training.run", "training.fitting", "serving.service", "models.classifier"} <= set(apart)
    assert {name: found for name in apart if (found := reachable(name, imports) & VAULT)} == {}
    # What Spark's workers load for an audit leads there no more than they do.
    assert not reachable("training.fairness.summaries", imports) & VAULT
    # The check sees such a way where there is one.
    assert reachable("training.commands", imports) & VAULT


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank just large enough to train on: what is looked at is which files and modules a training touches."""
    folder = tmp_path_factory.mktemp("few")
    simulate(customers=12, months=8, seed=5, out=folder, rates="enriched")
    return folder


def make_vault(folder: Path, groups: Path) -> tuple[Home, Path]:
    home, key = Home(folder / "home"), folder / "audit" / "vault.key"
    create_vault(
        home, groups, purpose="fairness_audit", delete_after=datetime.now(UTC).date() + timedelta(days=30),
        key_file=key, passphrase=WORDS, who="Dana",
    )  # fmt: skip
    return home, key


def environment(folder: Path, home: Home, key: Path) -> dict[str, str]:
    """What a careless operator gives a process: the vault's place, its key and the passphrase; and our watch."""
    watch = folder / "watch"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(watch), str(ROOT)]),
        "WATCHED": str(folder / "watched"),
        "LEVENSLOOP_HOME": str(home.path),
        "LEVENSLOOP_VAULT_KEY_FILE": str(key),
        "LEVENSLOOP_VAULT_PASSPHRASE": WORDS,
    }


def watched(folder: Path) -> tuple[set[str], set[str], set[str]]:
    """Files opened, modules imported and variables known at the end, of all watched processes together."""
    seen = [json.loads(path.read_text()) for path in folder.glob("watched.*")]
    assert seen
    touched = [tuple(one) for process in seen for one in process["touched"]]
    files = {name for event, name in touched if event == "open"}
    modules = {name for event, name in touched if event == "import"}
    return files, modules, {name for process in seen for name in process["environ"]}


def holds_nothing_of_the_vault(folder: Path, *, known_module: str, known_file: str) -> None:
    files, modules, variables = watched(folder)
    assert known_module in modules
    assert any(name.endswith(known_file) for name in files)
    assert not modules & VAULT
    assert [name for name in files if Path(name).name in ("groups.vault", "vault.key", "groups.csv")] == []
    assert not variables & set(VAULT_VARIABLES)


@pytest.mark.slow
def test_training_with_the_key_in_its_environment_does_not_get_it(few: Path, tmp_path: Path) -> None:
    home, key = make_vault(tmp_path, few / "vault" / "groups.csv")
    tables = ("labels", "events", "permissions", "splits")
    given = [part for name in tables for part in (f"--{name}", str(few / f"{name}.csv"))]
    command = [sys.executable, "-m", "models.command_line", "train", "--bookings", str(few / "bookings.parquet")]
    environ = environment(tmp_path, home, key)
    done = subprocess.run([*command, *given], env=environ, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    holds_nothing_of_the_vault(tmp_path, known_module="training.fitting", known_file="labels.csv")
    # Nothing that training can read afterwards opens the vault: every file of its home and of the bank is tried.
    tried = 0
    for path in [*home.path.rglob("*"), *few.rglob("*")]:
        if path.is_file():
            tried += 1
            with pytest.raises(UnreadableDataError):
                open_vault(home, key_file=path, passphrase=WORDS, purpose="fairness_audit", who="training")
    assert tried > 20
    assert len(open_vault(home, key_file=key, passphrase=WORDS, purpose="fairness_audit", who="audit").attributes) == 12


@pytest.mark.slow
def test_the_verbs_of_the_vault_are_seen_by_the_same_watch(few: Path, tmp_path: Path) -> None:
    home, key = make_vault(tmp_path, few / "vault" / "groups.csv")
    command = [sys.executable, "-m", "models.command_line", "vault", "status"]
    subprocess.run(command, env=environment(tmp_path, home, key), capture_output=True, timeout=200, check=True)
    files, modules, variables = watched(tmp_path)
    assert modules >= VAULT
    assert str(home.vault / "groups.vault") in files
    assert set(VAULT_VARIABLES) <= variables


def test_the_server_is_started_without_the_key() -> None:
    settings = read_settings({"LEVENSLOOP_HOME": "/nowhere"})
    made = build_environment(settings, {"PATH": "/bin", **dict.fromkeys(VAULT_VARIABLES, "x")})
    assert made["PATH"] == "/bin"
    assert not set(made) & set(VAULT_VARIABLES)
