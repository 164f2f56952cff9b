"""The settings every service has, read from the environment in one place.

`FRIKORT_KAFKA` is shared; the rest bears the service's name: `FRIKORT_GRANTS_DATABASE_URL`.
A secret may come from a file: `FRIKORT_GRANTS_MASTER_KEY_FILE`.
"""

import base64
import binascii
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(Exception):
    """A setting is missing or unreadable; the message names it, and never shows a value."""


class Settings(BaseSettings):
    """Settings that are read from the environment."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    @classmethod
    def read(cls) -> Self:
        """Read the environment.

        Raises:
            SettingsError: settings are missing or unreadable; it says which.
        """
        try:
            return cls()
        except ValidationError as error:
            faults = [
                f"{cls.variable(str(fault['loc'][0]))}: {_expected(cls, fault)}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
            raise SettingsError(f"set {'; '.join(faults)}") from None

    @classmethod
    def variable(cls, field: str) -> str:
        """Give the environment variable of a setting."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()


def _expected(settings: type[Settings], fault: ErrorDetails) -> str:
    field = settings.model_fields.get(str(fault["loc"][0]))
    meaning = "" if field is None or field.description is None else field.description
    return meaning if fault["type"] == "missing" else f"{fault['msg']} ({meaning})"


class SharedSettings(Settings):
    """What all services are told alike."""

    model_config = SettingsConfigDict(env_prefix="FRIKORT_")

    kafka: str = Field(description="Kafka's bootstrap servers")
    mode: Literal["production", "test"] = Field(
        default="production", description="test takes fictitious CPR numbers, production real ones"
    )
    log_level: str = Field(default="INFO", description="the least level that is logged")


class ServiceSettings(Settings):
    """What a service is told; subclasses set `env_prefix` and add their own."""

    database_url: str = Field(repr=False, description="the service's database, as its running role")
    host: str = Field(default="127.0.0.1", description="the address HTTP listens on")
    port: int = Field(description="the port HTTP listens on")
    instance: str = Field(
        default="1", description="this instance's name among those of the service; keeps its place"
    )
    database_pool_max: int = Field(default=10, description="database connections at the most")
    master_key: SecretStr | None = Field(
        default=None, description="32 bytes, base64url: from it come the service's own keys"
    )
    master_key_file: Path | None = Field(default=None, description="a file with the master key")

    def master_key_bytes(self) -> bytes:
        """Give the master key.

        Raises:
            SettingsError: none is set, or it is not base64url. Its length is the vault's to check.
        """
        text = read_secret(self.master_key, self.master_key_file)
        if not text:
            names = f"{self.variable('master_key')} or {self.variable('master_key_file')}"
            raise SettingsError(f"set {names}: 32 bytes, base64url")
        return decode_key(text, self.variable("master_key"))


def decode_key(text: str, variable: str) -> bytes:
    """Give the bytes of a key that is written in base64url, with or without its padding.

    Raises:
        SettingsError: it is not base64url.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except binascii.Error:
        raise SettingsError(f"{variable} is not base64url") from None


def read_secret(value: SecretStr | None, file: Path | None) -> str | None:
    """Give a secret from its value or, failing that, from its file."""
    if value is not None:
        return value.get_secret_value()
    return None if file is None else file.read_text().strip()
