"""What a second party is given: whole lines in a file, one request for each checkpoint."""

from pathlib import Path

import httpx
import pytest

from services.allowance.handover import NotTakenError, endpoint_place, file_place

URL = "https://second.example/heads"


async def test_a_file_gets_a_line_for_each_and_keeps_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    file.write_bytes(b'{"checkpoint_no":1}\n')

    await file_place(file).give(b'{"checkpoint_no":2}')

    assert file.read_bytes() == b'{"checkpoint_no":1}\n{"checkpoint_no":2}\n'


async def test_a_line_that_was_cut_short_stays_and_the_next_begins_below_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "heads.jsonl"
    file.write_bytes(b'{"check')

    await file_place(file).give(b'{"checkpoint_no":1}')

    assert file.read_bytes() == b'{"check\n{"checkpoint_no":1}\n'


async def test_an_address_gets_the_same_bytes_and_the_token() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(204)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await endpoint_place(URL, "of-heads", client).give(b'{"checkpoint_no":1}')

    (request,) = asked
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.content == b'{"checkpoint_no":1}'
    assert request.headers["authorization"] == "Bearer of-heads"


async def test_an_address_that_refuses_has_not_taken_it() -> None:
    refusing = httpx.MockTransport(lambda _: httpx.Response(503))
    async with httpx.AsyncClient(transport=refusing) as client:
        with pytest.raises(NotTakenError, match="status 503"):
            await endpoint_place(URL, None, client).give(b"{}")


async def test_a_place_is_known_by_its_address_without_telling_it() -> None:
    async with httpx.AsyncClient() as client:
        one = endpoint_place(f"{URL}?token=secret", None, client)
        other = endpoint_place(URL, None, client)

    assert one.identity != other.identity
    assert "secret" not in one.identity + one.name
