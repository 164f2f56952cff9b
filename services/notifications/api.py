"""Notifications over HTTP: parse, call a handler, render; no rules."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from frikort_contracts.requests import PutContactRequest
from frikort_contracts.types import CardNo, Moment
from frikort_contracts.types import Request as Body
from services.chassis.errors import NotFound
from services.chassis.http import Called, Run, addressed, answered, to_command
from services.notifications.confirmations import ContactState, ContactsToConfirm
from services.notifications.contacts import ConfirmContactRequest, DeleteContactRequest
from services.notifications.gateway import Gateway, Report
from services.notifications.projections import Messages


class GatewayUnknown(NotFound):
    """No gateway of that name is used here."""

    code = "gateway-unknown"


class ConfirmationBody(Body):
    """When the number of the holder of the address's card was confirmed; now, if left out."""

    registered_at: Moment | None = None


class ContactBody(Body):
    """The phone number of the holder of the address's card."""

    phone: str
    language: str = "da"
    registered_at: Moment | None = None


def contact_routes(
    run: Run,
    read_contact: Callable[[str], Awaitable[ContactState]],
    read_contacts_to_confirm: Callable[[], Awaitable[ContactsToConfirm]],
) -> APIRouter:
    """Serve the commands about contacts, and what people may see of them."""
    router = APIRouter(prefix="/v1/contacts", tags=["contacts"])

    @router.get("")
    async def to_confirm() -> ContactsToConfirm:
        """List the contacts that a review calls to confirm, the longest due first (R40)."""
        return await read_contacts_to_confirm()

    @router.get("/{card_no}")
    async def show(card_no: CardNo) -> ContactState:
        """Show a card's contact, without its number."""
        return await read_contact(card_no)

    @router.put("/{card_no}")
    async def put(card_no: str, request: ContactBody, call: Called) -> JSONResponse:
        """Set the contact of a card's holder; the newest `known_at` wins."""
        whole = addressed(PutContactRequest, request, card_no=card_no)
        answer = await run(to_command("contacts", whole, call))
        return answered(answer, created=201 if answer.position.version == 1 else 200)

    @router.post("/{card_no}/confirmation")
    async def confirm(
        card_no: str, call: Called, request: ConfirmationBody | None = None
    ) -> JSONResponse:
        """Note that the number is the citizen's still (R40).

        It is texted anew if it had been given up. Refused with `contact-unknown` where there is
        none.
        """
        body = request or ConfirmationBody()
        whole = addressed(ConfirmContactRequest, body, card_no=card_no)
        answer = await run(to_command("contact-confirmation", whole, call))
        return answered(answer)

    @router.delete("/{card_no}")
    async def delete(card_no: str, call: Called) -> JSONResponse:
        """Forget the contact of a card's holder, and what older files say of it."""
        whole = DeleteContactRequest(card_no=card_no)
        answer = await run(to_command("contact-deletion", whole, call))
        return answered(answer, created=200)

    return router


def report_routes(gateway: Gateway, record: Callable[[Report], Awaitable[None]]) -> APIRouter:
    """Serve the gateway's delivery reports."""
    router = APIRouter(prefix="/v1/gateways", tags=["gateways"])

    @router.post("/{name}/reports", status_code=204)
    async def report(name: str, request: Request) -> Response:
        """Take a delivery report; anything but a 2xx has the gateway send it again."""
        if name != gateway.name:
            raise GatewayUnknown(f"the gateway used here is {gateway.name}")
        told = gateway.read_report(request.headers)
        if told is not None:
            await record(told)
        return Response(status_code=204)

    return router


def message_routes(read: Callable[[str], Awaitable[Messages]]) -> APIRouter:
    """Serve what became of a card's texts."""
    router = APIRouter(prefix="/v1", tags=["messages"])

    @router.get("/messages")
    async def messages(card_no: CardNo) -> Messages:
        """Show a card's texts, oldest first, without their number."""
        return await read(card_no)

    return router
