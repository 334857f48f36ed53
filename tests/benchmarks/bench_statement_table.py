"""Print what every statement file in a folder is and gives, as a Markdown table.

Run: `python tests/benchmarks/bench_statement_table.py [FOLDER]` (default: ../shared/data/statements).
"""

import sys
from collections import Counter
from pathlib import Path

from models.errors import LevensloopError
from models.statements import Totals, read_statements

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "data" / "statements"
# Descriptions of the real files in other programs' output, licences and notes.
NOT_STATEMENTS = {".yml", ".license", ".md"}


def describe_totals(totals: tuple[Totals, ...]) -> str:
    """How many statements state both balances, and whether those add up."""
    checked = [total for total in totals if total.checked]
    if not checked:
        return "not stated"
    wrong = sum(not total.holds for total in checked)
    return f"{len(checked)} hold" if not wrong else f"{len(checked) - wrong} hold, {wrong} do not"


def describe_file(path: Path) -> tuple[str, str]:
    """Outcome (read, read in part or refused) and the row of the table."""
    try:
        read = read_statements([path])
    except LevensloopError as error:
        return "refused", f"- | - | - | refused: {str(error).split('. ')[0].removeprefix(path.name)[:110].strip()}"
    (file,) = read.files
    reasons = ", ".join(f"{count} x {reason}" for reason, count in Counter(p.reason for p in read.problems).items())
    outcome = "read in part" if file.problems else "read"
    kind = f"{file.format} {file.variant}".strip()
    return outcome, f"{kind} | {file.bookings} | {describe_totals(file.totals)} | {reasons or '-'}"


def main() -> None:
    """The table, then a count of outcomes."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if not folder.is_dir():
        print(f"There is no folder {folder}, so there is no table. Give a folder of statement files.")
        return
    outcomes = Counter[str]()
    print("| file | format | bookings | totals | left out |\n|---|---|---|---|---|")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in NOT_STATEMENTS and not path.name.startswith("LICENSE"):
            outcome, row = describe_file(path)
            outcomes[outcome] += 1
            print(f"| {path.relative_to(folder)} | {row} |")
    print(f"\n{sum(outcomes.values())} files: {dict(outcomes)}")


if __name__ == "__main__":
    main()
