"""The whole way on a machine with nothing: the demo, the three answers it promises, every command of README and docs.

One small demo is made for all of these tests, with the real service in its own processes.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVENSLOOP = Path(sys.executable).parent / "levensloop"


class Demo:
    """A folder with a running demo, and a shell in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            **os.environ,
            "PATH": f"{LEVENSLOOP.parent}{os.pathsep}{os.environ['PATH']}",
            "LEVENSLOOP_HOME": str(folder / ".demo"),
            "COLUMNS": "300",
        }
        self.printed = ""
        self.run("levensloop demo --customers 40")

    def run(self, command: str, *, expected: int = 0) -> subprocess.CompletedProcess[str]:
        """Run one command line in the folder, as somebody would paste it."""
        done = subprocess.run(  # noqa: S602 - the README's own lines
            command,
            shell=True,
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=1_200,  # a slow machine with other work; the demo takes two to five minutes
            check=False,
        )
        assert done.returncode == expected, f"{command}\n{done.stdout}\n{done.stderr}"
        if command.startswith("levensloop demo"):
            self.printed = done.stderr  # a service that starts again may have another port
        return done

    def examples(self) -> list[str]:
        """The three command lines that the demo prints."""
        return [line.strip() for line in self.printed.splitlines() if " ask " in line]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo"))
    yield running
    running.run("levensloop stop")


def answers(demo: Demo) -> None:
    """The three printed commands give what the demo promises, on both kinds of file."""
    child, travel, refused = demo.examples()
    for line, event, product in (
        (child, "child_birth", "child_account"),
        (travel, "travel_booked", "travel_insurance"),
    ):
        for given, other in ((".csv", ".csv"), (".csv", ".940"), (".940", ".csv")):
            if given in line:
                answer = json.loads(demo.run(line.replace(given, other)).stdout)
                found = {told["event"]: told for told in answer["events"]}
                assert [offer["product"] for offer in found[event]["offers"]] == [product]
                assert found[event]["evidence"]
                assert set(found[event]["reason"]) == {"nl", "en"}
    assert demo.run(refused, expected=20).stdout == ""


@pytest.mark.slow
def test_the_three_printed_commands_give_their_answers_and_again_after_a_restart(demo: Demo) -> None:
    answers(demo)
    release = (demo.folder / ".demo" / "releases" / "champion.json").read_text()
    demo.run("levensloop stop")
    demo.run("levensloop demo --customers 40")
    answers(demo)
    assert (demo.folder / ".demo" / "releases" / "champion.json").read_text() == release


def commands_of(page: Path) -> list[tuple[str, int]]:
    """Command lines of a page's `sh` blocks with the exit code each names (0 when it names none)."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    codes = [int(found.group(1)) if (found := re.search(r"# exit code (\d+)", line)) else 0 for line in lines]
    return list(zip(lines, codes, strict=True))


DOCS = ROOT / "docs"
READ_TOGETHER = [("own-bookings", "release"), ("deploy",)]  # the second page goes on where the first one ends


@pytest.mark.slow
def test_every_command_of_the_readme_runs(demo: Demo) -> None:
    commands = commands_of(ROOT / "README.md")
    assert len(commands) >= 10
    for line, code in commands:
        demo.run(line, expected=code)


@pytest.mark.slow
@pytest.mark.parametrize("pages", READ_TOGETHER, ids=" then ".join)
def test_every_command_of_the_docs_runs(demo: Demo, pages: tuple[str, ...]) -> None:
    for page in pages:
        for line, code in commands_of(DOCS / f"{page}.md"):
            demo.run(line, expected=code)


def test_no_page_with_commands_is_left_out() -> None:
    told = {page.stem for page in DOCS.glob("*.md") if commands_of(page)}
    assert told == {page for pages in READ_TOGETHER for page in pages}


@pytest.mark.slow
def test_every_notebook_runs(demo: Demo) -> None:
    """All of them on the demo as it stands; the tests before have asked and trained there, as people do."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake", str(ROOT / "notebooks")]
    assert "4 passed" in demo.run(shlex.join(command)).stdout


def test_the_two_commands_of_the_readme_are_targets_of_make() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for target in re.findall(r"^make (\w+)", readme, re.MULTILINE):
        dry = ["make", "--dry-run", "--directory", str(ROOT), target]
        assert subprocess.run(dry, capture_output=True, check=False).returncode == 0


def test_exit_codes_of_the_readme_are_those_of_the_errors() -> None:
    from models import errors

    listed = re.search(r"Exit codes: (.*?)\n\n", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert listed
    told = {int(code) for code in re.findall(r"\b(\d+) [a-z]", listed.group(1))}
    known = {error.exit_code for error in vars(errors).values() if isinstance(error, type)}
    assert told == (known - {1}) | {0, 130}


@pytest.mark.slow
def test_nothing_of_a_booking_is_in_logs_mlflow_or_the_trail(demo: Demo) -> None:
    """A marker in the statement reaches the answer's evidence at most, never what is kept."""
    marked = demo.folder / "marked.csv"
    plain = (demo.folder / ".demo" / "statements" / "child_benefit.csv").read_text("utf-8")
    marked.write_text(
        plain.replace("KINDERBIJSLAG", "KINDERBIJSLAG QXMARKERQX").replace("Kinderbijslag", "Kinderbijslag QXMARKERQX")
    )
    child = demo.examples()[0]
    demo.run(shlex.join([str(marked) if part.endswith(".csv") else part for part in shlex.split(child)]))
    kept = [
        path
        for path in (demo.folder / ".demo").rglob("*")
        if path.is_file() and path.suffix not in (".csv", ".940", ".parquet")
    ]
    assert len(kept) > 10
    assert [path.name for path in kept if b"QXMARKERQX" in path.read_bytes()] == []
