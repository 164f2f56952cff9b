"""Pieces of a journal are done on several processes, and come back in their order."""

import pytest

from cli.journal import FIRST_ID, LAST_ID, PIECES_WORTH_A_PROCESS, Citizens, work_through


@pytest.mark.parametrize("count", [0, 1, 2 * PIECES_WORTH_A_PROCESS + 3])
def test_results_come_in_the_order_of_the_pieces(count: int) -> None:
    work = [-piece for piece in range(count)]

    assert list(work_through(abs, work, processes=2)) == list(range(count))


def test_what_goes_wrong_in_a_process_is_told() -> None:
    work = ["1", "2", "none", *map(str, range(20))]

    with pytest.raises(ValueError, match="none"):
        list(work_through(int, work, processes=2))


def test_every_id_is_in_one_piece() -> None:
    middle = "80000000-0000-4000-8000-000000000000"
    first, last = Citizens(FIRST_ID, middle), Citizens(middle, LAST_ID)

    assert first.of("{here}") == f"citizen_id >= '{FIRST_ID}' AND citizen_id <= '{middle}'"
    assert last.of("{here}") == f"citizen_id > '{middle}' AND citizen_id <= '{LAST_ID}'"
    assert Citizens(middle, middle).of("{here}").startswith("citizen_id >= ")
