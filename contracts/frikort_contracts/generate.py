"""Writes the schemas and the AsyncAPI document: `python -m frikort_contracts.generate`.

With `--release` it also records what the version of today promises, in `released.json`. It
refuses to write anything that breaks the last release. It writes into `contracts/` of the
clone that it is run from.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from frikort_contracts import __version__
from frikort_contracts.asyncapi import document
from frikort_contracts.catalogue import BY_TOPIC
from frikort_contracts.compatibility import breaks
from frikort_contracts.schemas import all_schemas
from frikort_contracts.yaml import to_yaml

CONTRACTS = Path(__file__).resolve().parents[1]
ASYNCAPI = "asyncapi.yaml"
RELEASED = "released.json"
HEAD = "# Written by `python -m frikort_contracts.generate`; change the models instead.\n"


def main(arguments: Sequence[str] | None = None, *, into: Path = CONTRACTS) -> int:
    """Write what has changed; 1 if that would break the last release, and nothing is written."""
    parser = argparse.ArgumentParser(prog="frikort_contracts.generate", description=__doc__)
    parser.add_argument("--release", action="store_true", help="record what is promised today")
    asked = parser.parse_args(arguments)
    released = into / RELEASED
    if released.exists():
        found = breaks(json.loads(released.read_text("utf-8")), record())
        if found:
            sys.stderr.write("this would break the last release:\n")
            sys.stderr.writelines(f"  {line}\n" for line in found)
            return 1
    files = render()
    if asked.release:
        files[RELEASED] = to_json(record())
    for name, text in files.items():
        _write(into / name, text)
    return 0


def render() -> dict[str, str]:
    """Give every generated file by its path under `contracts/`."""
    schemas = {f"schemas/{name}": to_json(schema) for name, schema in all_schemas().items()}
    return schemas | {ASYNCAPI: HEAD + to_yaml(document(__version__))}


def record() -> dict[str, Any]:
    """Give what a release promises: every schema, example, and where each event travels."""
    topics = {
        topic.name: {
            "key": topic.key,
            "partitions": topic.partitions,
            "retention": topic.retention,
            "owner": topic.owner,
            "events": [event.TYPE for event in events],
        }
        for topic, events in BY_TOPIC.items()
    }
    examples = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((CONTRACTS / "examples").glob("*.json"))
    }
    return {
        "version": __version__,
        "topics": topics,
        "schemas": all_schemas(),
        "examples": examples,
    }


def to_json(value: Mapping[str, Any]) -> str:
    """Write JSON as it is kept: two spaces, keys in their order."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text("utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    sys.stderr.write(f"{path.name} written\n")


if __name__ == "__main__":
    raise SystemExit(main())
