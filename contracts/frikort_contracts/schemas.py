"""JSON Schemas of the published language, made from the models: what travels, no more.

They describe the wire: absent fields are left out there, so nothing is ever null; fields that
a reader does not know are permitted, for a schema grows.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from frikort_contracts.catalogue import BY_TYPE
from frikort_contracts.envelope import CONTENT_TYPE, SPEC_VERSION
from frikort_contracts.events import Event
from frikort_contracts.types import MOMENT_PATTERN

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
HEADERS = "envelope-headers"
_RULE_NUMBER = re.compile(r" \((?:R\d+|DOMAIN [\d.]+)\)")
"""Names a rule in our own papers; who reads a schema does not have them."""


def all_schemas() -> dict[str, Schema]:
    """Give every schema by its file's name."""
    schemas = {file_name(HEADERS): headers_schema()}
    return schemas | {file_name(name): event_schema(event) for name, event in BY_TYPE.items()}


def file_name(name: str) -> str:
    """Give the name under which a type's first version is kept."""
    return f"{name}.v1.json"


def event_schema(event: type[Event]) -> Schema:
    """Give the schema of an event's payload."""
    made = event.model_json_schema(mode="serialization")
    definitions = made.get("$defs", {})
    properties = {
        name: _on_the_wire(schema, definitions) for name, schema in made["properties"].items()
    }
    return _object(event.TYPE, _description(event), properties, made["required"])


def headers_schema() -> Schema:
    """Give the schema of an event's Kafka headers, each value read as UTF-8."""
    required = {
        "ce_specversion": {"const": SPEC_VERSION.decode(), "description": "CloudEvents 1.0."},
        "ce_id": _text("Unique for ever; the same event always has the same.", minLength=1),
        "ce_source": _text("The service that sends.", pattern="^/frikort/[a-z]+$"),
        "ce_type": _text("The event's name.", pattern="^[a-z0-9]+(-[a-z0-9]+)*$"),
        "ce_subject": _text("The citizen; of frikort-rules, the rule.", minLength=1),
        "ce_time": _text(
            "When it was recorded.", format="date-time", pattern=f"^{MOMENT_PATTERN}$"
        ),
        "content-type": {"const": CONTENT_TYPE.decode(), "description": "Of the value."},
        "ce_streamversion": _text(
            "The version of the citizen's stream at the sender.", pattern="^[0-9]{1,18}$"
        ),
        "ce_correlationid": _text("The command that everything goes back to.", minLength=1),
    }
    optional = {
        "ce_causationid": _text("The ce_id of the event that this one follows from.", minLength=1),
        "ce_municipality": _text(
            "The municipality responsible at that moment, on every event of a citizen.",
            pattern="^[1-8][0-9]{2}$",
        ),
        "ce_partitionseq": _text(
            "The record's number in its partition, from 1 without gaps; none on compacted topics.",
            pattern="^[1-9][0-9]{0,17}$",
        ),
        "traceparent": _text(
            "W3C Trace Context.", pattern="^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
        ),
    }
    return _object(
        HEADERS,
        "The Kafka headers of every event: CloudEvents 1.0 in binary mode.",
        required | optional,
        list(required),
    )


def _object(
    name: str, description: str, properties: Mapping[str, Schema], required: list[str]
) -> Schema:
    return {
        "$schema": DIALECT,
        "$id": f"urn:frikort:schema:{name}:v1",
        "title": name,
        "description": description,
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": True,
    }


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", **more, "description": description}


def _on_the_wire(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Leave out what never travels: null, defaults and the titles that repeat a field's name."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        schema = kinds[0]
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    found = definitions[reference] if reference else schema
    return {
        key: _paragraphs(value) if key == "description" else value
        for key, value in found.items()
        if key not in {"title", "default"}
    }


def _description(event: type[Event]) -> str:
    return _paragraphs(inspect.cleandoc(event.__doc__ or ""))


def _paragraphs(text: str) -> str:
    """Undo the wrapping of a docstring's lines."""
    paragraphs = _RULE_NUMBER.sub("", text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
