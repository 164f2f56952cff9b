"""Phone numbers as a gateway takes them: MSISDN, that is country code and number, without +."""

import phonenumbers

from services.chassis.errors import Rejection

COUNTRY = "DK"


class PhoneInvalid(Rejection):
    """No text can be sent to that number."""

    code = "phone-invalid"
    field = "phone"


def parse_phone(text: str, *, production: bool) -> str:
    """Give a number's MSISDN; without a country code it is Danish.

    Test mode takes any number of the right length, for made-up ones must lie outside the
    ranges that are in use; production takes those in use alone.

    Raises:
        PhoneInvalid: it is no phone number. The message does not repeat it.
    """
    refused = PhoneInvalid("a phone number is eight digits, or + with country code and number")
    try:
        number = phonenumbers.parse(text, COUNTRY)
    except phonenumbers.NumberParseException as error:
        raise refused from error
    check = phonenumbers.is_valid_number if production else phonenumbers.is_possible_number
    if number.extension is not None or not check(number):
        raise refused
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
