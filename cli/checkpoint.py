"""`frikort ledger checkpoint` and `ledger keys`: a signed head of the ledger, and who signs."""

import json
import os
import sys

from pydantic import BaseModel

from cli.client import Client
from cli.heads import read_keys
from cli.journal import auditor
from cli.output import JsonFlag, number, say, stdout_console
from cli.settings import Settings
from frikort_contracts.allowance import CheckpointSigned
from frikort_contracts.types import format_moment


class _Nothing(BaseModel):
    """A request whose address says it all."""


def checkpoint(*, as_json: JsonFlag = False) -> None:
    """Have the ledger sign a checkpoint now; where nothing has changed, show the last one."""
    settings = Settings.from_environment(os.environ)
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        taken = client.post("allowance", "/v1/checkpoints", CheckpointSigned, body=_Nothing())
    if as_json:
        sys.stdout.write(taken.to_json().decode() + "\n")  # a line, as a file of heads has it
        return
    stdout_console().print(
        f"Checkpoint {taken.checkpoint_no} of {format_moment(taken.taken_at)}: entries "
        f"{number(taken.entries)}, citizens {number(taken.citizens)}, root {taken.merkle_root}, "
        f"signed by key {taken.key_id}.",
        soft_wrap=True,
    )


def keys() -> None:
    """Print the public signing keys, a line of JSON each: a file to keep for `verify --keys`."""
    with auditor(os.environ) as connection:
        found = read_keys(connection)
    for key in found:
        sys.stdout.write(json.dumps(key.to_line()) + "\n")
