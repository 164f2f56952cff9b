"""The generated files: up to date, valid by their standards' own rules, and all connected."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import frikort_contracts
from frikort_contracts import generate, topics
from frikort_contracts.catalogue import BY_TOPIC, BY_TYPE
from frikort_contracts.schemas import HEADERS, file_name
from frikort_contracts.yaml import to_yaml

CONTRACTS = Path(generate.__file__).parents[1]
FILES = generate.render()
SCHEMAS = sorted(name for name in FILES if name.startswith("schemas/"))

printable = st.text(
    st.characters(exclude_categories=["C", "Zl", "Zp"], include_characters="\n\t"), max_size=12
)
values = st.recursive(
    printable | st.integers() | st.booleans() | st.sampled_from(["no", "1.0", "~", "a b", "a: b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(printable, inner, max_size=3),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text("utf-8"))
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_generated_file_is_up_to_date(name: str) -> None:
    found = (CONTRACTS / name).read_text("utf-8")

    assert found == FILES[name], "run python -m frikort_contracts.generate"


def test_the_package_has_the_version_that_it_says() -> None:
    project = tomllib.loads((CONTRACTS / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["version"] == frikort_contracts.__version__


def test_no_schema_is_left_over() -> None:
    assert sorted(f"schemas/{path.name}" for path in CONTRACTS.glob("schemas/*")) == SCHEMAS
    assert len(SCHEMAS) == len(BY_TYPE) + 1


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_says_what_it_is_of(name: str) -> None:
    schema = json.loads((CONTRACTS / name).read_text("utf-8"))

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("urn:frikort:schema:")
    assert schema["description"]
    assert schema["additionalProperties"] is True
    assert set(schema["required"]) <= schema["properties"].keys()


def test_a_schema_permits_what_comes_later_and_refuses_what_is_missing() -> None:
    validator = Draft202012Validator(json.loads(FILES["schemas/citizen-reidentified.v1.json"]))

    assert validator.is_valid({"known_at": "2023-11-27T08:00:41.299792Z", "came_later": [1]})
    assert not validator.is_valid({})
    assert not validator.is_valid({"known_at": "2023-11-27T08:00:41Z"})


def test_the_document_has_a_channel_for_every_topic(asyncapi: dict[str, Any]) -> None:
    assert asyncapi["asyncapi"] == "3.0.0"
    assert asyncapi["channels"].keys() == {topic.name for topic in topics.EVENT_TOPICS}
    for topic, events in BY_TOPIC.items():
        channel = asyncapi["channels"][topic.name]
        binding = channel["bindings"]["kafka"]
        configuration = binding["topicConfiguration"]

        assert channel["messages"].keys() == {event.TYPE for event in events}
        assert (channel["address"], binding["topic"]) == (topic.name, topic.name)
        assert binding["partitions"] == topic.partitions
        assert (channel["x-owner"], channel["x-readers"]) == (topic.owner, list(topic.readers))
        assert (channel["x-key"], channel["x-retention"]) == (topic.key, topic.retention)
        assert configuration["cleanup.policy"] == [topic.config["cleanup.policy"]]
        assert configuration.get("retention.ms", "none") == (
            -1 if topic.retention == "for-ever" else "none"
        )


def test_every_message_leads_to_its_schemas_and_example(asyncapi: dict[str, Any]) -> None:
    messages = asyncapi["components"]["messages"]

    assert messages.keys() == BY_TYPE.keys()
    for name, message in messages.items():
        assert message["name"] == name
        assert message["headers"] == {"$ref": f"./schemas/{file_name(HEADERS)}"}
        assert message["payload"] == {"$ref": f"./schemas/{name}.v1.json"}
        assert (CONTRACTS / message["x-example"]).is_file()


def test_every_reference_leads_somewhere(asyncapi: dict[str, Any]) -> None:
    references = list(find_references(asyncapi))

    in_channels = sum(len(events) for events in BY_TOPIC.values())
    assert len(references) == 2 * len(BY_TYPE) + in_channels + len(asyncapi["channels"])
    for reference in references:
        file, _, pointer = reference.partition("#")
        if file:
            assert (CONTRACTS / file).is_file(), reference
        place: Any = asyncapi
        for part in pointer.split("/")[1:]:
            place = place[part]
        assert place


def test_the_command_writes_the_files_and_a_second_time_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--release"], into=tmp_path) == 0
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}

    assert written == {*FILES, "released.json"}
    capsys.readouterr()
    assert generate.main(["--release"], into=tmp_path) == 0
    assert capsys.readouterr().err == ""


def test_the_command_refuses_to_break_a_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    released = generate.record()
    del released["schemas"]["balance.v1.json"]["properties"]["exhausted"]
    released["schemas"]["balance.v1.json"]["properties"]["gone"] = {"type": "string"}
    (tmp_path / "released.json").write_text(json.dumps(released), encoding="utf-8")

    assert generate.main([], into=tmp_path) == 1
    assert "balance.v1.json: payload.gone: removed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["released.json"]


@given(st.dictionaries(printable, values, min_size=1, max_size=4))
def test_what_is_written_as_yaml_is_read_as_it_was(document: dict[str, Any]) -> None:
    assert yaml.safe_load(to_yaml(document)) == document


def find_references(value: Any) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            else:
                yield from find_references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from find_references(inner)
