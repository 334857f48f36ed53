"""The verbs of `training` on the command line; what they need is imported when they run, so that `--help` is quick."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.home import VAULT_KEY_FILE, VAULT_PASSPHRASE
from training.fairness.vault_commands import vault

if TYPE_CHECKING:
    from models.home import Home
    from models.promotion import Promotion

app = typer.Typer()
app.add_typer(vault, name="vault")

_Existing = typer.Option(exists=True, dir_okay=False, readable=True)
_File = Annotated[Path, _Existing]
_FileOrNone = Annotated[Path | None, _Existing]


@app.command()
def simulate(
    customers: Annotated[int, typer.Option(min=1, help="Number of customers.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    months: Annotated[int, typer.Option(min=1, max=120, help="Months of bookings.")] = 24,
    seed: Annotated[int, typer.Option(help="Same seed, same bank, byte for byte.")] = 1,
    rates: Annotated[str, typer.Option(help="natural, or enriched: more events, for training.")] = "natural",
    until: Annotated[str, typer.Option(help="Last day of bookings, YYYY-MM-DD.")] = "",
    real_rates: Annotated[bool, typer.Option("--real-rates", help="Let event rates differ between groups.")] = False,
    bookings_format: Annotated[str, typer.Option(help="csv writes bookings.csv beside bookings.parquet.")] = "parquet",
    write: Annotated[str, typer.Option(help="Statement files to write: ing, camt, mt940, psd2, comma separated.")] = "",
    write_customers: Annotated[int, typer.Option(min=1, help="Customers to write statement files of.")] = 10,
) -> None:
    """Make a synthetic bank: bookings, labels, events, permissions and customers, and groups in the vault."""
    from rich.console import Console

    from models.commands import parse_day
    from models.progress import track_total
    from training.household import parse_formats, write_sample
    from training.simulation import simulate as make_bank

    if write:
        parse_formats(write)  # a wrong name is told before the work, not after it

    with track_total("Simulating customers", total=customers) as advance:
        summary = make_bank(
            customers=customers,
            months=months,
            seed=seed,
            out=out,
            until=parse_day(until) if until else None,
            rates=rates,  # type: ignore[arg-type]  # checked by simulate
            real_rates=real_rates,
            bookings_format=bookings_format,  # type: ignore[arg-type]  # checked by simulate
            progress=advance,
        )
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(
        f"{summary.customers} customers, {summary.bookings} bookings, {summary.events} life events, "
        f"{summary.confusers} look-alikes; {summary.bookings_per_second:,.0f} bookings a second."
    )
    if write:
        files = write_sample(out, formats=write, customers=write_customers)
        console.print(f"{len(files)} statement files in {out / 'statements'}.")


@app.command()
def household(
    persona: Annotated[str, typer.Argument(help="child_benefit or plane_ticket.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="Statement file to write.")],
    file_format: Annotated[str, typer.Option("--format", help="ing, camt, mt940 or psd2.")] = "ing",
    until: Annotated[str, typer.Option(help="Last day of bookings, YYYY-MM-DD.")] = "",
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    """Write the statement file of one synthetic household in which something happens."""
    from models.commands import parse_day
    from training.household import write_household

    write_household(persona, out, file_format=file_format, until=parse_day(until) if until else None, seed=seed)


@app.command()
def train(
    bookings: _File,
    labels: _File,
    events: _FileOrNone = None,
    permissions: _FileOrNone = None,
    taxonomy: _FileOrNone = None,
    splits: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="customer_id,split: train or test.")
    ] = None,
    test_share: Annotated[float, typer.Option(min=0.05, max=0.5, help="Share of customers to test on.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Seed of splits and fits.")] = 0,
    reviewed: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A filled-in review queue; may be given more than once."),
    ] = None,
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Also fit on a tenth, a quarter and a half of the customers.")
    ] = False,
    customers: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="customers.csv of the bank: nobody under 18 is in.")
    ] = None,
) -> None:
    """Fit, calibrate and evaluate; log the run to MLflow and register a candidate."""
    from training.run import train_candidate

    train_candidate(
        bookings=bookings,
        labels=labels,
        events=events,
        permissions=permissions,
        taxonomy_file=taxonomy,
        splits=splits,
        test_share=test_share,
        seed=seed,
        reviewed=reviewed or (),
        learning_curve=learning_curve,
        customers=customers,
    )


@app.command()
def prepare(
    bookings: Annotated[Path, typer.Option(exists=True, readable=True, help="A table, or a folder of Parquet files.")],
    labels: _File,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder to write bookings.parquet and labels.csv to.")],
    permissions: _FileOrNone = None,
    taxonomy: _FileOrNone = None,
    reviewed: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A filled-in review queue; may be given more than once."),
    ] = None,
    customers: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="customers.csv of the bank: nobody under 18 is in.")
    ] = None,
    most_customers: Annotated[
        int | None, typer.Option(min=1, help="Draw so many of those who allow it; all of each one's bookings.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or spark where one machine is too small.")] = "local",
) -> None:
    """Of a bank's bookings, of any size, write those that a training may read, with their labels."""
    from models.commands import parse_engine
    from training.preparing import prepare_files

    prepare_files(
        bookings, labels, out=out, permissions=permissions, taxonomy_file=taxonomy, reviewed=reviewed or (),
        customers=customers, most_customers=most_customers, engine=parse_engine(engine),
    )  # fmt: skip


@app.command()
def audit(
    bookings: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Bookings, CSV or Parquet.")],
    events: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="True life events.")],
    vault_key: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, envvar=VAULT_KEY_FILE, help="Key of the vault of groups.")
    ],
    passphrase: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar=VAULT_PASSPHRASE)],
    candidate: Annotated[str, typer.Option(help="Candidate to audit; the newest when absent.")] = "",
    labels: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Labels; they tell what must be screened.")
    ] = None,
    permissions: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Who allows the audit.")] = None,
    splits: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="customer_id,split: only `test` is looked at.")
    ] = None,
    justifications: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Answers to the four questions, TOML.")
    ] = None,
    who: Annotated[str, typer.Option(help="Who does it; the name of the account when absent.")] = "",
    whole: Annotated[
        Path | None,
        typer.Option(exists=True, help="Parquet of any size: Spark counts the cube on it, all else is of --bookings."),
    ] = None,
) -> None:
    """Compare what a candidate says between groups of people; the facts are put beside it for the board."""
    import getpass

    from training.fairness.auditing import audit_candidate
    from training.fairness.tables import Sources

    sources = Sources(
        bookings=bookings, events=events, labels=labels, permissions=permissions, splits=splits,
        justifications=justifications, whole=whole,
    )  # fmt: skip
    audit_candidate(
        sources,
        candidate_id=candidate or None,
        vault_key=vault_key,
        passphrase=passphrase,
        who=who or getpass.getuser(),
    )


@app.command()
def monitor(
    vault_key: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, envvar=VAULT_KEY_FILE, help="Key of the vault of groups.")
    ],
    passphrase: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar=VAULT_PASSPHRASE)],
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder to write pages and facts to.")],
    release: Annotated[str, typer.Option(help="Release to look at; the champion when absent.")] = "",
    detections: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Of `detect`, in place of the nightly runs.")
    ] = None,
    bookings: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="What the detections were made from.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="True life events, as far as known.")
    ] = None,
    permissions: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Permission events, in place of the ledger.")
    ] = None,
    who: Annotated[str, typer.Option(help="Who does it; the name of the account when absent.")] = "",
) -> None:
    """Compare month by month what a release told groups of customers, and raise an alarm where a gap grows."""
    import getpass

    from rich.console import Console

    from training.fairness.monitoring.running import Sources, monitor_release, print_facts
    from training.report.files import write_monitoring

    sources = Sources(detections=detections, bookings=bookings, events=events, permissions=permissions)
    facts = monitor_release(
        sources,
        release_id=release or None,
        vault_key=vault_key,
        passphrase=passphrase,
        who=who or getpass.getuser(),
    )
    print_facts(facts, Console(stderr=True, highlight=False, soft_wrap=True))
    write_monitoring(facts, out=out)


@app.command()
def compare(
    candidate: Annotated[str, typer.Option(help="Candidate or release; the newest candidate when absent.")] = "",
    other: Annotated[
        str, typer.Option("--with", help="Release or candidate to compare with, or champion.")
    ] = "champion",
    bookings: _FileOrNone = None,
    labels: _FileOrNone = None,
    events: _FileOrNone = None,
    permissions: _FileOrNone = None,
    splits: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Compare on its test customers only.")
    ] = None,
    out: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the comparison as JSON too.")] = None,
) -> None:
    """Say per life event how a candidate differs from the champion, how surely, and what flipped."""
    from training.comparison_files import compare_files

    compare_files(
        candidate,
        other,
        bookings=bookings,
        labels=labels,
        events=events,
        permissions=permissions,
        splits=splits,
        out=out,
    )


@app.command()
def review(
    bookings: _File,
    out: Annotated[Path, typer.Option(dir_okay=False, help="CSV to write; readable by you alone.")],
    labels: _FileOrNone = None,
    permissions: _FileOrNone = None,
    release: Annotated[str, typer.Option(help="Release or candidate; the champion when absent, else the newest.")] = "",
    size: Annotated[int, typer.Option(min=1, help="Bookings in the queue.")] = 200,
    corrections: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="From `levensloop corrections`; stands first."),
    ] = None,
) -> None:
    """List the bookings most worth a look - likely mislabelled first, then doubtful - to be filled in."""
    from training.review_files import write_queue

    write_queue(
        bookings, labels=labels, permissions=permissions, release_id=release or None, out=out, size=size,
        corrections=corrections,
    )  # fmt: skip


@app.command("prove-exclusion")
def prove_exclusion(
    release: Annotated[str, typer.Option(help="Release or candidate, by its id or the beginning of it.")],
    bookings: _File,
    permissions: _File,
    customers: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The table of customers that training was given.")
    ] = None,
) -> None:
    """Show from the files it was trained on that no objector's booking is in a release; exit code 30 when not."""
    from training.exclusion import prove_exclusion_of_files

    prove_exclusion_of_files(release, bookings=bookings, permissions=permissions, customers=customers)


@app.command()
def report(
    candidate: Annotated[str, typer.Argument(help="Candidate or release; the newest candidate when absent.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Folder to write the pages to; where the board's page shows them from."),
    ] = None,
    language: Annotated[str, typer.Option(help="nl, en or both.")] = "both",
) -> None:
    """Write the report that the review board reads before it signs: one page per language, fit for screen and paper."""
    from training.report.files import write_report

    write_report(candidate, out=out, language=language)


@app.command()
def keygen(
    role: Annotated[str, typer.Option(help="owner, data_protection_officer, ethics_chair or operations.")],
    person: Annotated[str, typer.Option(help="Who holds the key.")],
    passphrase: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="LEVENSLOOP_PASSPHRASE")],
    demo: Annotated[bool, typer.Option("--demo", help="A throw-away key that counts in the demo only.")] = False,
) -> None:
    """Make a signing key for one person in one role."""
    from rich.console import Console

    from models.home import find_home
    from models.signing import generate_key

    key = generate_key(find_home(), role, person, passphrase, demo=demo)  # type: ignore[arg-type]  # checked there
    Console(stderr=True).print(f"Key {key.id[:12]} of {role} registered; the private key is in keys/.", highlight=False)


@app.command()
def sign(
    role: Annotated[str, typer.Option(help="owner, data_protection_officer or ethics_chair.")],
    key: _File,
    reason: Annotated[str, typer.Option(help="Why; kept with the release, also when it is a refusal.")],
    passphrase: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="LEVENSLOOP_PASSPHRASE")],
    candidate: Annotated[str, typer.Option(help="Candidate to sign; the newest when absent.")] = "",
    refuse: Annotated[bool, typer.Option("--refuse", help="Sign a refusal instead of an approval.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Record nothing; write the signature here, for the page of the board."),
    ] = None,
) -> None:
    """Sign a candidate, or refuse it, as one member of the review board."""
    from rich.console import Console

    from models.board import make_signature, sign_release
    from models.candidate import newest_candidate
    from models.home import find_home
    from models.signing import load_private_key
    from training.writing import write_file

    home = find_home()
    chosen = candidate or newest_candidate(home)
    private_key, decision = load_private_key(key, passphrase), "refuse" if refuse else "approve"
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if out is not None:
        write_file(out, make_signature(home, chosen, role, private_key, decision, reason))  # type: ignore[arg-type]  # checked there
        console.print(f"{role} signed: {decision} {chosen[:12]}. Hand in {out.name} on the page of the board.")
        return
    decided = sign_release(home, chosen, role, private_key, decision, reason)  # type: ignore[arg-type]  # checked there
    console.print(f"{decided.role} signed: {decided.decision} {chosen[:12]}.")


@app.command()
def promote(
    who: Annotated[str, typer.Option(help="Who promotes.")],
    why: Annotated[str, typer.Option(help="Why; kept in the trail.")],
    candidate: Annotated[str, typer.Option(help="Candidate to promote; the newest when absent.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what the gate says.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Accept demo keys.")] = False,
) -> None:
    """Make a signed candidate the champion, if the gate lets it."""
    from models.candidate import newest_candidate
    from models.home import find_home
    from models.promotion import promote_release
    from models.store import open_store

    home = find_home()
    done = promote_release(
        home,
        candidate or newest_candidate(home),
        who=who,
        why=why,
        allow_demo=demo,
        dry_run=dry_run,
        store=open_store(home.database_url),
    )
    _say_promotion(done, home)


@app.command()
def rollback(
    who: Annotated[str, typer.Option(help="Who rolls back.")],
    why: Annotated[str, typer.Option(help="Why; kept in the trail.")],
    to: Annotated[str, typer.Option(help="Release to go back to; the previous one when absent.")] = "",
    demo: Annotated[bool, typer.Option("--demo", help="Accept demo keys.")] = False,
) -> None:
    """Go back to an earlier release."""
    from models.home import find_home
    from models.promotion import rollback_release
    from models.store import open_store

    home = find_home()
    store = open_store(home.database_url)
    done = rollback_release(home, who=who, why=why, to=to or None, allow_demo=demo, store=store)
    _say_promotion(done, home)


def _say_promotion(done: "Promotion", home: "Home") -> None:
    from rich.console import Console

    from training.tracking import move_champion

    console = Console(stderr=True, highlight=False)
    if done.dry_run:
        console.print(f"The gate would let {done.release_id[:12]} through.")
        return
    version = move_champion(home, done.release_id)
    alias = f"; MLflow version {version} is champion" if version else ""
    console.print(f"Release {done.release_id[:12]} is champion{alias}.")
