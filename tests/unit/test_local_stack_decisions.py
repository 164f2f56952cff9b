"""The pure parts of the local stack: settings, modes, environments, configuration, records."""

import configparser
import json
import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local import lock
from deploy.local.environments import service_environment
from deploy.local.errors import PartUnreachableError, SettingsError, StackRefusedError
from deploy.local.files import secret_file, write_private
from deploy.local.jars import DIGESTS, KAFKA_VERSION, POM
from deploy.local.java import major_version
from deploy.local.modes import Mode, decide
from deploy.local.ports import free_port_base, require_free
from deploy.local.programs import launch_command, record_path, recorded_process
from deploy.local.settings import (
    HOST,
    PORT_BLOCK_SIZE,
    PORT_OFFSETS,
    REPOSITORY,
    SERVICES,
    Settings,
)
from deploy.local.supervise import render_configuration

ASKING = 4


def _docker_is_there() -> bool:
    return True


def _docker_is_away() -> bool:
    return False


def _settings(home: Path) -> Settings:
    return Settings(home=home, port_base=20_000, cache=home / "cache")


def _environment_of(service: str, home: Path, caller: dict[str, str]) -> dict[str, str]:
    return service_environment(
        _settings(home), service, caller, kafka="127.0.0.1:20010", database_url="postgresql://x"
    )


class TestSettings:
    def test_services_take_the_first_ports_and_everything_stays_in_the_block(self) -> None:
        settings = Settings.from_environment({"FRIKORT_PORT_BASE": "9000"})

        assert [settings.port(name) for name in SERVICES] == [9001, 9002, 9003, 9004]
        assert max(PORT_OFFSETS.values()) < PORT_BLOCK_SIZE
        assert len(set(PORT_OFFSETS.values())) == len(PORT_OFFSETS)

    def test_two_homes_and_bases_share_nothing(self) -> None:
        one = Settings.from_environment({"FRIKORT_HOME": "/a", "FRIKORT_PORT_BASE": "9000"})
        two = Settings.from_environment({"FRIKORT_HOME": "/b", "FRIKORT_PORT_BASE": "9050"})

        assert not {one.port(part) for part in PORT_OFFSETS} & {
            two.port(part) for part in PORT_OFFSETS
        }
        assert one.socket != two.socket

    @pytest.mark.parametrize("value", ["80", "65535", "-1", "eight", "8100.5"])
    def test_a_port_base_without_room_is_wrong_usage(self, value: str) -> None:
        with pytest.raises(SettingsError, match="FRIKORT_PORT_BASE") as caught:
            Settings.from_environment({"FRIKORT_PORT_BASE": value})

        assert caught.value.exit_status == 2

    def test_a_long_home_gets_a_short_socket(self, tmp_path: Path) -> None:
        settings = _settings(tmp_path / ("long" * 30))

        assert len(str(settings.socket).encode()) < 100
        assert settings.socket != _settings(tmp_path / ("longer" * 30)).socket


class TestModes:
    def test_everything_is_local_by_default(self) -> None:
        choice = decide({}, _docker_is_there)

        assert choice.kafka is Mode.LOCAL
        assert choice.postgres is Mode.LOCAL

    def test_docker_is_taken_when_asked_for(self) -> None:
        choice = decide({"FRIKORT_STACK": "docker"}, _docker_is_there)

        assert choice.kafka is choice.postgres is Mode.DOCKER

    def test_docker_asked_for_and_away_is_unreachable(self) -> None:
        with pytest.raises(PartUnreachableError, match="no Docker daemon answers") as caught:
            decide({"FRIKORT_STACK": "docker"}, _docker_is_away)

        assert caught.value.exit_status == 3

    def test_given_servers_win_one_by_one(self) -> None:
        environment = {
            "FRIKORT_STACK": "docker",
            "FRIKORT_KAFKA": "broker:9092",
            "FRIKORT_GRANTS_DATABASE_URL": "postgresql://app@db/grants",
            "FRIKORT_GRANTS_OWNER_DATABASE_URL": "postgresql://owner@db/grants",
        }

        choice = decide(environment, _docker_is_there)

        assert choice.kafka is Mode.GIVEN
        assert choice.databases["grants"] is Mode.GIVEN
        assert choice.databases["payroll"] is Mode.DOCKER
        assert choice.describe() == "Kafka: given. PostgreSQL: docker (given for grants)."

    def test_all_given_needs_no_docker(self) -> None:
        environment = {"FRIKORT_STACK": "docker", "FRIKORT_KAFKA": "broker:9092"}
        for service in SERVICES:
            environment[f"FRIKORT_{service.upper()}_DATABASE_URL"] = "postgresql://a"
            environment[f"FRIKORT_{service.upper()}_OWNER_DATABASE_URL"] = "postgresql://o"

        assert decide(environment, _docker_is_away).postgres is None

    def test_a_database_given_without_its_owner_is_wrong_usage(self) -> None:
        with pytest.raises(SettingsError, match="FRIKORT_GRANTS_OWNER_DATABASE_URL"):
            decide({"FRIKORT_GRANTS_DATABASE_URL": "postgresql://a"}, _docker_is_away)

    def test_an_unknown_mode_is_wrong_usage(self) -> None:
        with pytest.raises(SettingsError, match="FRIKORT_STACK"):
            decide({"FRIKORT_STACK": "podman"}, _docker_is_there)


class TestServiceEnvironment:
    def test_a_service_gets_its_own_secrets_only(self, tmp_path: Path) -> None:
        caller = {
            "FRIKORT_PAYROLL_DATABASE_URL": "postgresql://payroll",
            "FRIKORT_GRANTS_OWNER_DATABASE_URL": "postgresql://owner",
            "FRIKORT_LOG_LEVEL": "DEBUG",
            "UNRELATED": "kept by the process itself",
        }

        environment = _environment_of("grants", tmp_path, caller)

        assert environment == {
            "FRIKORT_KAFKA": "127.0.0.1:20010",
            "FRIKORT_MODE": "test",
            "FRIKORT_LOG_LEVEL": "DEBUG",
            "FRIKORT_GRANTS_DATABASE_URL": "postgresql://x",
            "FRIKORT_GRANTS_HOST": "127.0.0.1",
            "FRIKORT_GRANTS_PORT": "20001",
            "FRIKORT_GRANTS_MASTER_KEY_FILE": str(tmp_path / "secrets/grants-master-key"),
        }

    def test_the_ledger_alone_gets_the_key_that_signs_checkpoints(self, tmp_path: Path) -> None:
        signing = "FRIKORT_ALLOWANCE_SIGNING_KEY_FILE"
        key = tmp_path / "secrets/allowance-signing-key"

        found = {
            service: _environment_of(service, tmp_path, {}).get(signing) for service in SERVICES
        }

        assert found == dict.fromkeys(SERVICES) | {"allowance": str(key)}
        assert len(key.read_text().strip()) == 43

    def test_the_caller_overrules_a_secret_in_either_form(self, tmp_path: Path) -> None:
        environment = _environment_of(
            "notifications", tmp_path, {"FRIKORT_NOTIFICATIONS_GATEWAY_TOKEN": "mine"}
        )

        assert environment["FRIKORT_NOTIFICATIONS_GATEWAY_TOKEN"] == "mine"  # noqa: S105
        assert "FRIKORT_NOTIFICATIONS_GATEWAY_TOKEN_FILE" not in environment

    def test_notifications_knows_the_gateway_and_where_reports_go(self, tmp_path: Path) -> None:
        environment = _environment_of("notifications", tmp_path, {})

        assert environment["FRIKORT_NOTIFICATIONS_GATEWAY_URL"] == "http://127.0.0.1:20020"
        assert environment["FRIKORT_NOTIFICATIONS_CALLBACK_URL"] == (
            "http://127.0.0.1:20004/v1/gateways/gatewayapi/reports"
        )


class TestFiles:
    def test_a_secret_is_made_once_and_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = secret_file(tmp_path / "secrets/key")
        first = path.read_text()

        assert secret_file(path).read_text() == first
        assert len(first) == 43
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700

    def test_all_who_ask_at_once_get_the_same_secret(self, tmp_path: Path) -> None:
        together = threading.Barrier(ASKING)

        def ask(round_no: int) -> str:
            together.wait()
            return secret_file(tmp_path / f"secrets/key-{round_no}").read_text()

        with ThreadPoolExecutor(ASKING) as pool:
            for round_no in range(50):
                assert len(set(pool.map(ask, [round_no] * ASKING))) == 1
        assert not list(tmp_path.glob("secrets/.*"))


class TestPorts:
    def test_a_taken_port_is_named_with_its_owner_and_the_remedy(self) -> None:
        with socket.create_server((HOST, 0)) as server:
            port = server.getsockname()[1]

            with pytest.raises(StackRefusedError) as caught:
                require_free({"kafka": port})

        told = str(caught.value)
        assert f"Port {port} (kafka) is taken by process {os.getpid()}" in told
        assert "FRIKORT_PORT_BASE" in told
        assert caught.value.exit_status == 1

    def test_a_free_block_is_free(self) -> None:
        base = free_port_base()

        require_free({part: base + offset for part, offset in PORT_OFFSETS.items()})


class TestSupervision:
    def test_every_program_comes_back_and_stops_by_its_own_signal(self) -> None:
        parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
        parser.read_string(render_configuration())

        programs = {name: parser[f"program:{name}"] for name in (*SERVICES, "kafka", "postgres")}
        assert {program["autorestart"] for program in programs.values()} == {"true"}
        assert programs["postgres"]["stopsignal"] == "INT"
        assert programs["kafka"]["stopsignal"] == "TERM"
        assert programs["grants"]["stopsignal"] == "TERM"

    def test_a_part_that_fails_at_every_start_for_a_month_is_not_given_up(self) -> None:
        parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
        parser.read_string(render_configuration())

        for name in (*SERVICES, "kafka", "postgres"):
            retries = int(parser[f"program:{name}"]["startretries"])
            assert sum(range(retries)) > 31 * 24 * 3600  # each waits a second longer

    def test_the_configuration_holds_no_path_of_this_machine(self) -> None:
        assert sys.prefix not in render_configuration()
        assert str(REPOSITORY) not in render_configuration()


class TestRecordedProcess:
    def _record(self, settings: Settings, **changes: object) -> None:
        settings.run.mkdir(exist_ok=True)
        found = {"pid": os.getpid(), "create_time": 0.0, "command": ["other"], **changes}
        write_private(record_path(settings, "grants"), json.dumps(found))

    def test_an_id_given_to_somebody_else_is_not_ours(self, tmp_path: Path) -> None:
        settings = _settings(tmp_path)
        self._record(settings)

        assert recorded_process(settings, "grants") is None

    def test_a_process_that_ended_is_not_found(self, tmp_path: Path) -> None:
        settings = _settings(tmp_path)
        self._record(settings, pid=2**22 + 1)

        assert recorded_process(settings, "grants") is None

    def test_no_record_is_no_process(self, tmp_path: Path) -> None:
        assert recorded_process(_settings(tmp_path), "grants") is None

    def test_a_launcher_runs_the_program_by_name(self) -> None:
        assert launch_command("grants")[-1] == "grants"


class TestVersions:
    @pytest.mark.parametrize(
        ("banner", "major"),
        [
            ('openjdk version "17.0.15" 2025-04-15', 17),
            ('java version "1.8.0_402"', 8),
            ('openjdk version "21" 2023-09-19', 21),
            ("no java at all", None),
        ],
    )
    def test_the_major_version_of_java_is_read(self, banner: str, major: int | None) -> None:
        assert major_version(banner) == major

    def test_pom_and_digests_are_of_the_version_named(self) -> None:
        assert f"<version>{KAFKA_VERSION}</version>" in POM.read_text()
        assert f"kafka_2.13-{KAFKA_VERSION}.jar" in DIGESTS.read_text()

    def test_requirements_are_those_of_the_pyproject_files(self) -> None:
        assert lock.REQUIREMENTS.read_text() == lock.render()
