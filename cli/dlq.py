"""`frikort dlq`: the messages that services have set aside, shown and tried again."""

import os
from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.text import Text

from cli.client import Client
from cli.errors import Rejection
from cli.output import (
    JsonFlag,
    number,
    print_json,
    print_table,
    say,
    say_error,
    shown,
    stdout_console,
)
from cli.settings import Settings
from frikort_contracts.dead_letters import (
    DeadLetter,
    DeadLetterContent,
    DeadLetterPage,
    Redriven,
)

READERS: Final = ("payroll", "allowance", "notifications")
UNKNOWN: Final = "dead-letter-unknown"
HEADINGS: Final = ["Id", "Service", "Topic", "Place", "Type", "Reason", "Since", "Tried", "Behind"]

dlq = typer.Typer(
    name="dlq",
    no_args_is_help=True,
    help="Messages that a service could not read or apply, and has set aside.",
)


def _identity(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no dead letter's id; `frikort dlq list` shows them"
        ) from error


Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="A dead letter's id.", parser=_identity, show_default=False),
]


@dlq.command("list")
def list_all(*, as_json: JsonFlag = False) -> None:
    """List what is set aside, of every service that reads topics, the oldest first.

    `Behind` counts the later messages of the same citizen and topic that wait for it.
    """
    with _client() as client:
        found = [letter for service in READERS for letter in _listed(client, service)]
    found.sort(key=lambda letter: (letter.parked_at, letter.dead_letter_id))
    if as_json:
        print_json([letter.model_dump(mode="json") for letter in found])
    elif found:
        print_table("", HEADINGS, [_row(letter) for letter in found])
        say("See one with `frikort dlq show ID`; once its reader can read it, redrive it.")
    else:
        say("No message is set aside.")


@dlq.command()
def show(dead_letter_id: Id, *, as_json: JsonFlag = False) -> None:
    """Show a message that is set aside: where it came from, its headers and its bytes."""
    with _client() as client:
        _, letter = _find(client, dead_letter_id)
    if as_json:
        print_json(letter.model_dump(mode="json"))
        return
    console = stdout_console()
    for name, value in _facts(letter):
        console.print(Text.assemble((f"{name:<12}", "bold"), shown(value)))
    console.print(Text("headers", style="bold"))
    for name, value in letter.headers.items():
        console.print(Text(f"  {shown(name)}: {shown(value)}"))
    console.print(Text("bytes" if letter.text is not None else "bytes, in base64", style="bold"))
    console.print(Text(letter.value_base64 if letter.text is None else letter.text), soft_wrap=True)


@dlq.command()
def redrive(
    dead_letter_ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID", help="Dead letters' ids.", parser=_identity, show_default=False
        ),
    ],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Have messages tried again, and then what waits behind each, in order.

    Do so when the reason is gone: the service is a version that can read them, or what was
    missing has come. What still cannot be applied stays set aside, and nothing else is touched.

    Exit status: 0 all are applied or wait for what is on its way, 1 one is still set aside or
    is not known, 3 a service is unreachable.
    """
    done: list[Redriven] = []
    failed = False
    with _client() as client:
        for dead_letter_id in dead_letter_ids:
            try:
                service, _ = _find(client, dead_letter_id)
                path = f"/v1/dead-letters/{dead_letter_id}/redrive"
                done.append(client.post(service, path, Redriven))
            except Rejection as refusal:
                say_error(str(refusal))
                failed = True
    if as_json:
        print_json([one.model_dump(mode="json") for one in done])
    else:
        for one in done:
            stdout_console().print(Text(_say(one)), soft_wrap=True)
    raise typer.Exit(1 if failed or any(one.state == "parked" for one in done) else 0)


def _client() -> Client:
    settings = Settings.from_environment(os.environ)
    return Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say)


def _listed(client: Client, service: str) -> Iterator[DeadLetter]:
    after: str | None = None
    while True:
        query = {"after": after} if after else None
        page = client.get(service, "/v1/dead-letters", DeadLetterPage, query=query)
        yield from page.dead_letters
        after = page.next_after
        if after is None:
            return


def _find(client: Client, dead_letter_id: str) -> tuple[str, DeadLetterContent]:
    """Ask each service whether it is theirs.

    Raises:
        Rejection: it is nobody's.
    """
    for service in READERS:
        path = f"/v1/dead-letters/{dead_letter_id}"
        try:
            return service, client.get(service, path, DeadLetterContent)
        except Rejection as refusal:
            if refusal.code != UNKNOWN:
                raise
    raise Rejection(
        f"{dead_letter_id}: no message is set aside under this id; it never was, or it has been "
        "applied. `frikort dlq list` shows what is",
        code=UNKNOWN,
    )


def _row(letter: DeadLetter) -> list[str]:
    return [
        letter.dead_letter_id,
        letter.service,
        letter.topic,
        f"{letter.partition}:{letter.offset}",
        shown(letter.type or "?"),
        letter.reason,
        f"{letter.parked_at:%Y-%m-%d %H:%M} UTC",
        number(letter.attempts),
        number(letter.behind),
    ]


def _facts(letter: DeadLetterContent) -> list[tuple[str, str]]:
    return [
        ("service", letter.service),
        ("origin", f"{letter.topic}, partition {letter.partition}, offset {letter.offset}"),
        ("subject", letter.subject),
        ("version", "unreadable" if letter.version is None else str(letter.version)),
        ("reason", letter.reason),
        ("since", f"{letter.parked_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("tried again", number(letter.attempts)),
        ("behind it", number(letter.behind)),
        ("key", "none" if letter.key is None else letter.key),
    ]


def _say(one: Redriven) -> str:
    if one.state == "applied":
        behind = f", and {one.released} behind it" if one.released else ""
        return f"{one.dead_letter_id}: applied{behind}"
    if one.state == "waiting":
        return f"{one.dead_letter_id}: waits now ({one.reason}), and goes on by itself"
    return f"{one.dead_letter_id}: still set aside ({one.reason})"
