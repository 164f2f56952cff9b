"""Ways to damage an audit pack, and how it is told whether that was found."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.unit.ledger_cases import identity
from tests.unit.pack_cases import reseal, run

Damage = Callable[[Path], object]
CITIZENS = sorted(identity(f"citizen {number}") for number in range(4))
FIRST_CITIZEN = CITIZENS[0]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def put(path: Path, said: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in said))


def edit_lines(name: str, edit: Callable[[list[str]], object]) -> Damage:
    """Change the lines of a file in place."""

    def damage(folder: Path) -> None:
        said = lines(folder / name)
        edit(said)
        put(folder / name, said)

    return damage


def edit_record(name: str, number: int, edit: Callable[[Any], object]) -> Damage:
    """Change one line's record, written canonically again."""

    def change(said: list[str]) -> None:
        record = orjson.loads(said[number])
        edit(record)
        said[number] = orjson.dumps(record, option=orjson.OPT_SORT_KEYS).decode()

    return edit_lines(name, change)


def swap_text(name: str, old: bytes, new: bytes) -> Damage:
    """Change the first place where a file says something."""

    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        assert old in content
        (folder / name).write_bytes(content.replace(old, new, 1))

    return damage


def flip(name: str, place: int) -> Damage:
    """Change one bit of one byte."""

    def damage(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[place] ^= 1
        (folder / name).write_bytes(content)

    return damage


def sealed(*damages: Damage, **said: Any) -> Damage:
    """Do damage, then make and sign the manifest anew with the pack's own key."""

    def damage(folder: Path) -> None:
        for each in damages:
            each(folder)
        reseal(folder, **said)

    return damage


def swap(said: list[str]) -> None:
    said[2], said[3] = said[3], said[2]


def at(number: int) -> str:
    return f"citizen {FIRST_CITIZEN} entry {number}"


def assert_found(verify_py: Path, folder: Path, expected: str, *more: str | Path) -> None:
    answer = run([verify_py, folder, *more])

    assert answer.complained == ""
    assert answer.said.startswith("WRONG: "), answer.said
    assert expected in answer.said
    assert answer.status == 1
