"""`levensloop report`: a candidate in, a folder of pages out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from models.candidate import TAXONOMY, find_candidate, read_candidate
from models.canonical import canonical_json
from models.errors import UsageError
from models.home import Home, find_home
from models.progress import track_steps
from models.taxonomy import parse_taxonomy
from training.report.rendering import MACHINE, MONITOR_MACHINE, machine_facts, render_monitoring, render_report
from training.report.source import read_source
from training.report.texts import LANGUAGES, Language
from training.writing import write_file

BOTH = "both"


def write_report(
    candidate_id: str, *, out: Path | None = None, language: str = BOTH, home: Home | None = None
) -> list[Path]:
    """Write `report-nl.html`, `report-en.html` and the facts for machines; returns the pages.

    Parameters
    ----------
    candidate_id
        Id or its unique beginning; empty: the newest candidate.
    out
        Folder; None: that of the home, from which the page of the board shows it.
    language
        nl, en or both.

    Raises
    ------
    UsageError
        There is no such language, or the folder cannot be written to.
    NoReleaseError, IntegrityError
        There is no such candidate, or something in it does not verify.
    """
    languages = _choose(language)
    home = home or find_home()
    source = read_source(home, candidate_id)
    out = out or home.reports / source.candidate_id
    pages = [out / f"report-{one}.html" for one in languages]
    with track_steps("Reporting", steps=len(languages) + 1) as step:
        for one, page in zip(languages, pages, strict=True):
            step(f"writing {page.name}")
            write_file(page, render_report(source, one))
        step(f"writing {MACHINE}")
        write_file(out / MACHINE, canonical_json(machine_facts(source)))
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    told = " and ".join(str(page) for page in pages)
    console.print(f"The report on {source.candidate_id[:12]} is {told}. Next: levensloop sign.", markup=False)
    return pages


def write_monitoring(facts: Mapping[str, Any], *, out: Path, home: Home | None = None) -> list[Path]:
    """Write `monitor-nl.html`, `monitor-en.html` and the facts of the months for machines; returns the pages.

    Raises
    ------
    UsageError
        The folder cannot be written to.
    """
    home = home or find_home()
    release = read_candidate(find_candidate([home.releases, home.candidates], facts["release"]))
    taxonomy = parse_taxonomy(release.text(TAXONOMY), source=TAXONOMY)
    pages = [out / f"monitor-{one}.html" for one in LANGUAGES]
    for one, page in zip(LANGUAGES, pages, strict=True):
        write_file(page, render_monitoring(facts, taxonomy, one))
    write_file(out / MONITOR_MACHINE, canonical_json(facts))
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"The months of {release.id[:12]} are {' and '.join(str(page) for page in pages)}.", markup=False)
    return pages


def _choose(language: str) -> tuple[Language, ...]:
    chosen = tuple(one for one in LANGUAGES if language in (one, BOTH))
    if not chosen:
        raise UsageError(f"There is no report in {language}. Give nl, en or both with --language.")
    return chosen
