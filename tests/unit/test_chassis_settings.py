import base64
from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import ServiceSettings, SettingsError, SharedSettings

KEY = bytes(range(200, 232))
TEXT = base64.urlsafe_b64encode(KEY).decode()


class ThingSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="FRIKORT_THING_")
    port: int = 8199


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("KAFKA", "MODE", "LOG_LEVEL"):
        monkeypatch.delenv(f"FRIKORT_{name}", raising=False)
    monkeypatch.setenv("FRIKORT_THING_DATABASE_URL", "postgresql://app:hunter2@db/thing")
    return monkeypatch


def test_missing_setting_is_named_with_its_meaning(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("FRIKORT_THING_DATABASE_URL")
    environment.setenv("FRIKORT_THING_MASTER_KEY", TEXT)
    with pytest.raises(SettingsError) as shared:
        SharedSettings.read()
    with pytest.raises(SettingsError) as own:
        ThingSettings.read()

    assert str(shared.value) == "set FRIKORT_KAFKA: Kafka's bootstrap servers"
    assert "FRIKORT_THING_DATABASE_URL: the service's database" in str(own.value)
    assert TEXT not in str(own.value)


def test_unreadable_setting_is_named_without_its_value(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FRIKORT_KAFKA", "localhost:9092")
    environment.setenv("FRIKORT_MODE", "hunter2")
    environment.setenv("FRIKORT_THING_PORT", "hunter2")
    with pytest.raises(SettingsError) as shared:
        SharedSettings.read()
    with pytest.raises(SettingsError) as own:
        ThingSettings.read()

    assert "FRIKORT_MODE" in str(shared.value)
    assert "FRIKORT_THING_PORT" in str(own.value)
    for error in (shared.value, own.value):
        assert "hunter2" not in str(error)
        assert error.__cause__ is None
        assert error.__suppress_context__


def test_production_is_what_nobody_asked_otherwise(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FRIKORT_KAFKA", "localhost:9092")

    assert SharedSettings.read().mode == "production"


def test_one_services_settings_are_not_anothers(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FRIKORT_PORT", "1")
    environment.setenv("FRIKORT_OTHER_PORT", "2")

    assert ThingSettings.read().port == 8199


@pytest.mark.parametrize("text", [TEXT, TEXT.rstrip("=")])
def test_master_key_comes_from_its_value_or_its_file(
    environment: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{text}\n")
    environment.setenv("FRIKORT_THING_MASTER_KEY_FILE", str(file))
    from_file = ThingSettings.read()
    environment.setenv("FRIKORT_THING_MASTER_KEY", text)
    from_value = ThingSettings.read()

    assert from_file.master_key_bytes() == from_value.master_key_bytes() == KEY
    assert text not in repr(from_value)
    assert "hunter2" not in repr(from_value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "FRIKORT_THING_MASTER_KEY or FRIKORT_THING_MASTER_KEY_FILE"),
        ("", "FRIKORT_THING_MASTER_KEY or"),
        ("not base64url!", "FRIKORT_THING_MASTER_KEY is not base64url"),
        (TEXT[:-2] + "!=", "is not base64url"),
    ],
)
def test_missing_or_unreadable_master_key_is_named(
    environment: pytest.MonkeyPatch, text: str | None, said: str
) -> None:
    if text is not None:
        environment.setenv("FRIKORT_THING_MASTER_KEY", text)

    with pytest.raises(SettingsError, match=said) as refused:
        ThingSettings.read().master_key_bytes()
    assert not text or text not in str(refused.value)
