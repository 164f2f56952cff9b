"""The page of an audit pack that people read: what is in it, in one file of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cli.output import kroner, number
from cli.pack_rows import Fold

TEMPLATE: Final = Path(__file__).parent / "pack" / "report.html.jinja"


def report(said: Mapping[str, Any], fold: Fold, newest: Mapping[str, Any] | None) -> str:
    """Write the page; `said`: the manifest, as far as it is made; `newest`: its last checkpoint."""
    from jinja2 import Environment  # noqa: PLC0415 - slow to load, and few commands need it

    template = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        said=said,
        years=sorted(fold.years.items()),
        checkpoint=newest,
        kroner=kroner,
        number=number,
    )
