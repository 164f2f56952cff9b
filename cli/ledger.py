"""`frikort ledger …`: what an auditor asks. Reads the ledger's database as the auditor's role.

The one part of the command line that opens a database: a proof must not pass through the
service it is about.
"""

import typer

from cli.journal import auditor
from cli.replay import replay
from cli.verify import prove, tell, verify

__all__ = ["auditor", "ledger", "prove", "tell"]

ledger = typer.Typer(help="Prove the ledger.", no_args_is_help=True)


@ledger.callback()
def _ledger() -> None:
    """Prove the ledger."""


ledger.command()(verify)
ledger.command()(replay)
