import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.vault import FIELD_MAC_BYTES, Vault, VaultError

MASTER = bytes(range(32))
OTHER_MASTER = bytes(range(1, 33))
PERSON, OTHER_PERSON = "person-1", "person-2"


@pytest.fixture
def vault() -> Vault:
    return Vault(MASTER)


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_again_and_shows_nothing(text: bytes) -> None:
    vault = Vault(MASTER)
    key = vault.new_person_key(PERSON)
    sealed = vault.seal(key, PERSON, "event-1", text)

    assert vault.open(key, PERSON, "event-1", sealed) == text
    assert len(text) < 8 or text not in sealed


def test_same_text_is_never_sealed_alike(vault: Vault) -> None:
    key = vault.new_person_key(PERSON)

    assert vault.seal(key, PERSON, "p", b"x") != vault.seal(key, PERSON, "p", b"x")


def test_ciphertext_moved_to_another_place_does_not_open(vault: Vault) -> None:
    key = vault.new_person_key(PERSON)
    sealed = vault.seal(key, PERSON, "event-1", b"0101010101")

    with pytest.raises(VaultError):
        vault.open(key, PERSON, "event-2", sealed)


def test_ciphertext_or_key_moved_to_another_person_does_not_open(vault: Vault) -> None:
    key, other_key = vault.new_person_key(PERSON), vault.new_person_key(OTHER_PERSON)
    sealed = vault.seal(key, PERSON, "event-1", b"0101010101")

    for wrapped, person in ((other_key, OTHER_PERSON), (key, OTHER_PERSON), (other_key, PERSON)):
        with pytest.raises(VaultError):
            vault.open(wrapped, person, "event-1", sealed)


def test_other_master_key_opens_nothing(vault: Vault) -> None:
    key = vault.new_person_key(PERSON)
    sealed, staged = vault.seal(key, PERSON, "p", b"x"), vault.stage("p", b"x")
    other = Vault(OTHER_MASTER)

    with pytest.raises(VaultError):
        other.open(key, PERSON, "p", sealed)
    with pytest.raises(VaultError):
        other.unstage("p", staged)


@pytest.mark.parametrize("changed", [0, 12, -1])
def test_changed_byte_is_found(vault: Vault, changed: int) -> None:
    key = vault.new_person_key(PERSON)
    sealed = bytearray(vault.seal(key, PERSON, "p", b"0101010101"))
    sealed[changed] ^= 1

    with pytest.raises(VaultError):
        vault.open(key, PERSON, "p", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"short"])
def test_cut_ciphertext_does_not_open(vault: Vault, sealed: bytes) -> None:
    with pytest.raises(VaultError):
        vault.unstage("p", sealed)


def test_staged_row_opens_at_its_place_alone(vault: Vault) -> None:
    staged = vault.stage("import-1/7", b"row")

    assert vault.unstage("import-1/7", staged) == b"row"
    with pytest.raises(VaultError):
        vault.unstage("import-1/8", staged)


def test_index_finds_a_person_again_after_a_restart_and_in_one_service_alone() -> None:
    index = Vault(MASTER).index("6101800001")

    assert Vault(MASTER).index("6101800001") == index
    assert Vault(MASTER).index("6101800002") != index
    assert Vault(OTHER_MASTER).index("6101800001") != index
    assert len(index) == 32


def test_field_fingerprint_depends_on_name_value_and_service(vault: Vault) -> None:
    mac = vault.field_mac("cpr", "6101800001")

    assert mac == Vault(MASTER).field_mac("cpr", "6101800001")
    assert len(mac) == 2 * FIELD_MAC_BYTES
    others = {
        vault.field_mac("cpr", "6101800002"),
        vault.field_mac("card_no", "6101800001"),
        Vault(OTHER_MASTER).field_mac("cpr", "6101800001"),
        vault.index("6101800001")[:FIELD_MAC_BYTES].hex(),
        vault.index("cpr=6101800001")[:FIELD_MAC_BYTES].hex(),
    }
    assert len(others | {mac}) == 6


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_master_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(VaultError, match=f"32 bytes, this one {length}"):
        Vault(bytes(length))
