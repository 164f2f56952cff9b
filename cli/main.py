"""The `frikort` command: mounts its parts, and turns errors into messages and exit statuses.

Exit status 0: done; 1: refused or a check failed; 2: wrong usage; 3: a part is unreachable.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from cli.balance import balance
from cli.caps import caps
from cli.checkpoint import checkpoint, keys
from cli.dlq import dlq
from cli.errors import CommandError
from cli.explain import explain
from cli.imports import import_file, import_help
from cli.inclusion import prove_card
from cli.ledger import ledger
from cli.ledger_export import export
from cli.ledger_rebuild import rebuild
from cli.machine import demo, down, up
from cli.output import say_error
from cli.preview import preview
from cli.reconcile import reconcile
from cli.status import status
from cli.years import years

EPILOG = "Exit status: 0 done, 1 refused, 2 wrong usage, 3 a part it needs is unreachable."


class _Commands(TyperGroup):
    """Commands whose errors end in one message and their exit status, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            say_error(str(error))
            raise typer.Exit(error.exit_status) from error


app = typer.Typer(
    cls=_Commands,
    name="frikort",
    no_args_is_help=True,
    rich_markup_mode="rich",
    # Locals may hold CPR numbers and telephone numbers.
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


@app.callback()
def frikort() -> None:
    """The municipality's ledger of social free cards (socialt frikort).

    Prints for people; --json prints for programs, on standard output.
    """


app.command()(up)
app.command()(down)
app.command()(demo)
app.command("import", help=import_help())(import_file)
app.command()(balance)
app.command()(reconcile)
app.command()(preview)
app.command()(status)
ledger.command()(explain)
ledger.command()(checkpoint)
ledger.command()(keys)
ledger.command("prove")(prove_card)
ledger.command()(rebuild)
ledger.command()(export)
app.add_typer(caps, name="cap")
app.add_typer(years, name="year")
app.add_typer(ledger, name="ledger")
app.add_typer(dlq, name="dlq")


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
