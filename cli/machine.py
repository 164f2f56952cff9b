"""`frikort up`, `down` and `demo` as they are asked for; what they do is loaded when they run.

The stack and Kafka's client take longer to load than most commands take to answer.
"""

from typing import Annotated

import typer

from cli.output import JsonFlag

DetachFlag = Annotated[
    bool, typer.Option("--detach", help="Return when everything is ready, and let it run.")
]


def up(*, detach: DetachFlag = False, as_json: JsonFlag = False) -> None:
    """Start the whole system on this machine, until Ctrl-C or `frikort down`."""
    from cli import stack  # noqa: PLC0415 - see above

    stack.up(detach=detach, as_json=as_json)


def down(*, as_json: JsonFlag = False) -> None:
    """Stop the system on this machine; its data stay."""
    from cli import stack  # noqa: PLC0415 - see above

    stack.down(as_json=as_json)


def demo() -> None:
    """Show a municipality's free cards live: four and a half years, ending on 31 May 2023."""
    from cli import demo as whole  # noqa: PLC0415 - see above

    whole.demo()
