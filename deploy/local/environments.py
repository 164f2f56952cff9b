"""The environment each service's process is started with, and the secrets it names."""

from collections.abc import Mapping
from pathlib import Path

from deploy.local.files import secret_file
from deploy.local.modes import database_setting
from deploy.local.settings import HOST, SERVICES, Settings

# Read here and by the command line; a service has no use for them.
_OF_THE_STACK = frozenset(
    {
        "FRIKORT_AUDITOR_SIGNING_KEY",
        "FRIKORT_AUDITOR_SIGNING_KEY_FILE",
        "FRIKORT_CACHE",
        "FRIKORT_HOME",
        "FRIKORT_KAFKA_FILE",
        "FRIKORT_PORT_BASE",
        "FRIKORT_STACK",
    }
)

_OF_THE_SIMULATOR = "FRIKORT_GATEWAY_SIMULATOR_"


def service_environment(
    settings: Settings,
    service: str,
    caller: Mapping[str, str],
    *,
    kafka: str,
    database_url: str,
) -> dict[str, str]:
    """Return a service's variables: ours, over them the caller's, over them where things are.

    Another service's variables are left out: its passwords are none of this one's business.
    """
    prefix = f"FRIKORT_{service.upper()}"
    ours = {
        "FRIKORT_MODE": "test",
        f"{prefix}_MASTER_KEY_FILE": str(secret_file(settings.secrets / f"{service}-master-key")),
    }
    if service == "allowance":
        key = secret_file(settings.secrets / "allowance-signing-key")
        ours["FRIKORT_ALLOWANCE_SIGNING_KEY_FILE"] = str(key)
        texts = f"http://{HOST}:{settings.port('notifications')}/texts"
        ours["FRIKORT_ALLOWANCE_CONSOLE_TEXTS_URL"] = texts
        ours["FRIKORT_ALLOWANCE_CONSOLE_PACKS"] = str(settings.home / "packs")
    if service == "notifications":
        ours |= _gateway_access(settings)
        console = f"http://{HOST}:{settings.port('allowance')}/console"
        ours["FRIKORT_NOTIFICATIONS_CONSOLE_URL"] = console
        if uses_gateway_simulator(caller):
            ours["FRIKORT_NOTIFICATIONS_QUIET_HOURS"] = "none"  # it wakes nobody
    passed_on = _passed_on(service, caller)
    ours = {name: value for name, value in ours.items() if not _is_overruled(name, passed_on)}
    places = {
        "FRIKORT_KAFKA": kafka,
        database_setting(service): database_url,
        f"{prefix}_HOST": HOST,
        f"{prefix}_PORT": str(settings.port(service)),
    }
    return ours | passed_on | places


def gateway_environment(settings: Settings, caller: Mapping[str, str]) -> dict[str, str]:
    """Return the gateway simulator's variables: the caller's own for it, and where things are."""
    return {
        "FRIKORT_GATEWAY_SIMULATOR_HOME": str(settings.home / "gateway-simulator"),
        **{name: value for name, value in caller.items() if name.startswith(_OF_THE_SIMULATOR)},
        "FRIKORT_GATEWAY_SIMULATOR_HOST": HOST,
        "FRIKORT_GATEWAY_SIMULATOR_PORT": str(settings.port("gateway-simulator")),
        **_gateway_secrets(settings),
    }


def uses_gateway_simulator(caller: Mapping[str, str]) -> bool:
    """Tell whether texts go to the simulator: unless the caller names another gateway."""
    return not caller.get("FRIKORT_NOTIFICATIONS_GATEWAY_URL")


def auditor_url_file(settings: Settings) -> Path:
    """Return the file that tells the command line where the ledger's auditor connects."""
    return settings.secrets / "allowance-auditor-database-url"


def _gateway_access(settings: Settings) -> dict[str, str]:
    port = settings.port("notifications")
    return {
        "FRIKORT_NOTIFICATIONS_GATEWAY_URL": f"http://{HOST}:{settings.port('gateway-simulator')}",
        "FRIKORT_NOTIFICATIONS_CALLBACK_URL": (
            f"http://{HOST}:{port}/v1/gateways/gatewayapi/reports"
        ),
        **_gateway_secrets(settings),
    }


def _gateway_secrets(settings: Settings) -> dict[str, str]:
    token = secret_file(settings.secrets / "gateway-token")
    webhook = secret_file(settings.secrets / "gateway-webhook-secret")
    return {
        "FRIKORT_NOTIFICATIONS_GATEWAY_TOKEN_FILE": str(token),
        "FRIKORT_NOTIFICATIONS_WEBHOOK_SECRET_FILE": str(webhook),
    }


def _passed_on(service: str, caller: Mapping[str, str]) -> dict[str, str]:
    others = tuple(f"FRIKORT_{other.upper()}_" for other in SERVICES if other != service)
    owner = database_setting(service, "owner")
    auditor = database_setting(service, "auditor")
    kept_back = (*others, _OF_THE_SIMULATOR, owner, auditor, f"{database_setting(service)}_FILE")
    return {
        name: value
        for name, value in caller.items()
        if name.startswith("FRIKORT_")
        and not name.startswith(kept_back)
        and name not in _OF_THE_STACK
    }


def _is_overruled(name: str, by: Mapping[str, str]) -> bool:
    """Tell whether the caller says the same thing in the other form, in place or as a file."""
    bare = name.removesuffix("_FILE")
    return bare in by or f"{bare}_FILE" in by
