"""`levensloop vault`: make, look at and delete the vault. No verb shows what is in it; the audit alone reads it.

The vault itself is imported only when a verb runs, so that no other verb ever loads it.
"""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from models.home import VAULT_KEY_FILE, VAULT_PASSPHRASE

vault = typer.Typer(help="Group attributes for the fairness audit, encrypted.")

_Who = Annotated[str, typer.Option(help="Who does it; the name of the account when absent.")]


@vault.command("create")
def create(
    groups: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="customer_id and attributes, CSV or Parquet.")
    ],
    delete_after: Annotated[str, typer.Option(help="Last day on which it opens, YYYY-MM-DD.")],
    vault_key: Annotated[
        Path, typer.Option(dir_okay=False, envvar=VAULT_KEY_FILE, help="Key file to write, for the audit alone.")
    ],
    passphrase: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar=VAULT_PASSPHRASE)
    ],
    purpose: Annotated[str, typer.Option(help="What for.")] = "fairness_audit",
    who: _Who = "",
    remove_source: Annotated[bool, typer.Option("--remove-source", help="Remove the plain file afterwards.")] = False,
) -> None:
    """Take a table of groups over into a new vault with a new key."""
    from models.commands import parse_day
    from models.home import find_home
    from training.fairness.vault import create_vault

    header = create_vault(
        find_home(),
        groups,
        purpose=purpose,
        delete_after=parse_day(delete_after),
        key_file=vault_key,
        passphrase=passphrase,
        who=who or getpass.getuser(),
        remove_source=remove_source,
    )
    _say(f"{header.customers} customers are in the vault until {header.delete_after}; its key is in {vault_key}.")
    _say(f"{groups} was removed." if remove_source else f"Remove {groups} now: everybody who reads it reads groups.")


@vault.command("status")
def status() -> None:
    """Say what the vault is kept for and until when; needs no key."""
    from models.home import find_home
    from training.fairness.vault import read_header

    header = read_header(find_home())
    over = header.is_expired(datetime.now(UTC))
    _say(f"Vault {header.id[:12]} with {header.customers} customers, for {header.purpose}, made {header.created_at}.")
    _say(
        f"To be deleted after {header.delete_after}: " + ("over, it opens no more." if over else "until then it opens.")
    )


@vault.command("delete")
def delete(
    why: Annotated[str, typer.Option(help="Why; stands in the certificate.")],
    vault_key: Annotated[
        Path | None, typer.Option(dir_okay=False, envvar=VAULT_KEY_FILE, help="Its key, which is removed too.")
    ] = None,
    who: _Who = "",
) -> None:
    """Delete the vault; writes a certificate to its folder and to the trail."""
    from models.home import find_home
    from training.fairness.vault import delete_vault

    home = find_home()
    told = delete_vault(home, who=who or getpass.getuser(), why=why, key_file=vault_key)
    key = "with its key" if told["key_removed"] else "without its key: remove that one too"
    name = f"deleted-{told['vault']['id']}.json"
    _say(f"The vault is deleted, {key}. Certificate: {home.vault / name}, row {told['trail']['seq']} of the trail.")


def _say(sentence: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)
