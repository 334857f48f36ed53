"""The verbs with which named people answer for findings and events: `levensloop waive` and `levensloop kill-switch`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

_Role = Annotated[str, typer.Option(help="Role of who signs.")]
_Key = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Private key of who signs.")]
_Passphrase = Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="LEVENSLOOP_PASSPHRASE")]


@app.command()
def waive(
    candidate: Annotated[str, typer.Argument(help="Candidate, by its id or the beginning of it.")],
    finding: Annotated[list[str], typer.Option(help="Id of a finding that may pass; each gets a waiver of its own.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the release and in the trail.")],
    until: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD; at most 90 days from now.")],
    role: _Role,
    key: _Key,
    passphrase: _Passphrase,
) -> None:
    """Let findings of the fairness audit pass until a day; counts when a second person of the board signs it too."""
    from models.commands import parse_day
    from models.home import find_home
    from models.signing import load_private_key
    from models.waivers import SIGNERS_NEEDED, sign_waivers

    private_key = load_private_key(key, passphrase)
    waivers = sign_waivers(
        find_home(),
        candidate,
        finding,
        role=role,  # type: ignore[arg-type]  # checked by sign_waivers
        private_key=private_key,
        reason=reason,
        until=parse_day(until),
    )
    passing = [waiver.finding for waiver in waivers if len(waiver.signatures) >= SIGNERS_NEEDED]
    waiting = [waiver.finding for waiver in waivers if waiver.finding not in passing]
    if waiting:
        _say(f"{role} signed. Each needs a second person of the board, until {until} as well: {', '.join(waiting)}.")
    if passing:
        _say(f"{role} signed. These may pass until {until}: {', '.join(passing)}.")


@app.command("kill-switch")
def kill_switch(
    event: Annotated[str, typer.Argument(help="Life event, as the taxonomy has it.")],
    state: Annotated[str, typer.Argument(help="on: told to nobody from now on; off: told again.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the trail.")],
    role: _Role,
    key: _Key,
    passphrase: _Passphrase,
) -> None:
    """Stop a life event at once, or let it be told again; the running service needs no restart."""
    from models.home import find_home
    from models.kill_switch import set_kill_switch
    from models.signing import load_private_key

    row = set_kill_switch(
        find_home(),
        event,
        state,  # type: ignore[arg-type]  # checked by set_kill_switch
        role=role,  # type: ignore[arg-type]  # checked by set_kill_switch
        private_key=load_private_key(key, passphrase),
        reason=reason,
    )
    _say(f"{event} is {'stopped' if state == 'on' else 'told again'}; row {row.seq} of the trail.")


def _say(sentence: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)
