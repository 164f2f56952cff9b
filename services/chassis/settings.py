"""The settings every service has, read from the environment in one place.

`FRIKORT_KAFKA` is shared; the rest bears the service's name: `FRIKORT_GRANTS_DATABASE_URL`.
A secret may come from a file: `FRIKORT_GRANTS_MASTER_KEY_FILE`.
"""

import base64
import binascii
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings that are read from the environment."""

    @classmethod
    def read(cls) -> Self:
        """Read the environment.

        Raises:
            pydantic.ValidationError: a setting is missing or unreadable; it says which.
        """
        return cls()


class SharedSettings(Settings):
    """What all services are told alike."""

    model_config = SettingsConfigDict(env_prefix="FRIKORT_", extra="ignore")

    kafka: str = Field(description="Kafka's bootstrap servers")
    mode: Literal["production", "test"] = Field(
        default="production", description="test takes fictitious CPR numbers, production real ones"
    )
    log_level: str = Field(default="INFO", description="the least level that is logged")


class ServiceSettings(Settings):
    """What a service is told; subclasses set `env_prefix` and add their own."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: str = Field(description="the service's database, as its running role")
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
            ValueError: none is set, or it is not 32 bytes in base64url.
        """
        text = read_secret(self.master_key, self.master_key_file)
        if text is None:
            raise ValueError(
                "set MASTER_KEY or MASTER_KEY_FILE of this service: 32 bytes, base64url"
            )
        try:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error as error:
            raise ValueError("the master key is not base64url") from error


def read_secret(value: SecretStr | None, file: Path | None) -> str | None:
    """Give a secret from its value or, failing that, from its file."""
    if value is not None:
        return value.get_secret_value()
    return None if file is None else file.read_text().strip()
