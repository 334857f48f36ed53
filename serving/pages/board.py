"""The pages of the review board: releases, one release with its gate, signing and promotion, months and oversight.

Nobody gives a key to a page: who decides signs with `levensloop sign --out` where the key is, and hands in what that
wrote. Promotion is that of `levensloop promote`, with the same gate.
"""

from datetime import datetime

from fastapi import Request
from starlette.responses import HTMLResponse, Response

from models.board import record_signature
from models.candidate import find_candidate
from models.errors import GateBlockedError, IntegrityError, NoReleaseError, UsageError
from models.promotion import promote_release
from models.release import read_champion
from models.taxonomy import Taxonomy
from serving.desk import Desk, TheDesk
from serving.pages.addresses import BOARD, Page
from serving.pages.forms import TheForm, TheVisitor
from serving.pages.months_view import HEIGHT, WIDTH, read_months
from serving.pages.oversight_view import check_trail, look_over
from serving.pages.releases_view import find_reports, list_releases, look_at_release
from serving.pages.rendering import HEADERS, go_to, show
from serving.pages.settings import PageSettings
from serving.pages.sign_in import require_pages
from serving.pages.words import find_language
from serving.problems import refuse

# A report stands alone: its own style and plots, no script runs, nothing is loaded and nothing is sent.
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'; sandbox"
)


def show_board(request: Request, desk: TheDesk, _visitor: TheVisitor, done: str = "") -> Response:
    """Who answers now, and what waits for the board."""
    pages, now = require_pages(desk), desk.clock()
    releases = list_releases(desk, pages, at=now)
    champion = read_champion(pages.home)
    oversight = look_over(desk, None)
    return show(
        request, "board.html.j2", here="board", releases=releases, champion=champion, oversight=oversight, done=done,
        promoted_at=datetime.fromisoformat(champion.promoted_at) if champion else None,
    )  # fmt: skip


def show_release(request: Request, desk: TheDesk, visitor: TheVisitor, release: str = "", done: str = "") -> Response:
    """One release: gate, findings, decisions, waivers, what changed, and the forms to sign and promote."""
    pages = require_pages(desk)
    seen = look_at_release(desk, pages, _whole_id(pages, release), at=desk.clock())
    mine = next((chair.role for chair in seen.chairs if chair.person == visitor.person), "")
    return show(request, "board_release.html.j2", here="board", release=seen, role=mine, demo=pages.demo, done=done)


def sign(desk: TheDesk, _visitor: TheVisitor, form: TheForm) -> Response:
    """Record a signature that was made where the key is; a refusal is kept like an approval."""
    pages = require_pages(desk)
    release = _whole_id(pages, form["release"])
    try:
        decided = record_signature(pages.home, form["signature"], release_id=release, at=desk.clock())
    except UsageError as error:
        raise refuse(422, "signature-not-valid", str(error)) from error
    done = "approved" if decided.decision == "approve" else "refused"
    return go_to(f"/board/release?release={release}&done={done}")


def promote(desk: TheDesk, visitor: TheVisitor, form: TheForm) -> Response:
    """Make a signed candidate the champion, if the gate lets it."""
    pages = require_pages(desk)
    release, why = _whole_id(pages, form["release"]), form["why"].strip()
    if not why:
        raise refuse(422, "reason-missing", "Moving the champion needs a reason. Give one.")
    try:
        promote_release(
            pages.home, release, who=visitor.person, why=why, allow_demo=pages.demo, at=desk.clock(), store=desk.store
        )
    except GateBlockedError as error:
        raise refuse(409, "gate-blocked", str(error)) from error
    except UsageError as error:
        raise refuse(409, "champion-already", str(error)) from error
    return go_to("/board?done=promoted")


def show_months(request: Request, desk: TheDesk, _visitor: TheVisitor, release: str = "") -> Response:
    """The months after a release in pictures and figures; without a release those of the champion."""
    pages = require_pages(desk)
    champion = read_champion(pages.home)
    wanted = _whole_id(pages, release) if release else champion.release_id if champion else ""
    months = read_months(pages.home, wanted) if wanted else None
    size = {"width": WIDTH, "height": HEIGHT}
    return show(request, "board_months.html.j2", here="months", release_id=wanted, months=months, size=size)


def show_oversight(request: Request, desk: TheDesk, _visitor: TheVisitor, done: str = "") -> Response:
    """Switches, offers after a no, and the audit trail."""
    taxonomy, language = _taxonomy(desk), find_language(request.scope)
    events = {event.id: getattr(event, language) for event in taxonomy.events} if taxonomy else {}
    oversight = look_over(desk, taxonomy)
    return show(request, "board_oversight.html.j2", here="oversight", oversight=oversight, events=events, done=done)


def check(desk: TheDesk, _visitor: TheVisitor, _form: TheForm) -> Response:
    """Check the whole trail now."""
    report = check_trail(desk, require_pages(desk), at=desk.clock())
    return go_to(f"/board/oversight?done={'well' if report.ok else 'damaged'}#trail")


def hand_report(request: Request, desk: TheDesk, _visitor: TheVisitor, release: str = "") -> Response:
    """The fairness report of a release as it was written, in the language of the reader when there is one."""
    pages = require_pages(desk)
    whole = _whole_id(pages, release)
    written = find_reports(pages.home, whole)
    if not written:
        raise refuse(404, "report-not-written", "The report of this release was not written yet.")
    language = find_language(request.scope)
    chosen = language if language in written else written[0]
    html = (pages.home.reports / whole / f"report-{chosen}.html").read_bytes()
    return HTMLResponse(html, 200, {**HEADERS, "Content-Security-Policy": _REPORT_POLICY, "Content-Language": chosen})


def _whole_id(pages: PageSettings, release: str) -> str:
    """The whole id of a release that is there; anything else is not found, whatever it looks like."""
    try:
        return find_candidate([pages.home.candidates, pages.home.releases], release).name
    except NoReleaseError as error:
        raise refuse(404, "release-unknown", str(error)) from error


def _taxonomy(desk: Desk) -> Taxonomy | None:
    """The events of the champion; none while there is no release to answer with."""
    try:
        return desk.gate.releases.current().taxonomy
    except (NoReleaseError, IntegrityError):
        return None


PAGES = (
    Page("/board", show_board, BOARD),
    Page("/board/release", show_release, BOARD),
    Page("/board/sign", sign, BOARD, method="POST"),
    Page("/board/promote", promote, BOARD, method="POST"),
    Page("/board/months", show_months, BOARD),
    Page("/board/oversight", show_oversight, BOARD),
    Page("/board/check", check, BOARD, method="POST"),
    Page("/board/report", hand_report, BOARD),
)
