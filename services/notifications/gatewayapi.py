"""GatewayAPI (ONLINECITY.IO) over HTTP: https://gatewayapi.com/docs/apis/rest/ (DOMAIN 8.3).

Of a delivery report the signed header is read, which repeats the whole report; its body is
unsigned, and neither is stored, for both name the number.
"""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

import httpx
import jwt
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from services.notifications.domain import DeliveryStatus
from services.notifications.gateway import (
    Accepted,
    Answer,
    NotTaken,
    Refused,
    Report,
    SignatureInvalid,
    Submission,
    Unknown,
)
from services.notifications.templates import PARTS

PATH = "/rest/mtsms"
SIGNATURE = "x-gwapi-signature"
ALGORITHM = "HS256"
KEEP_ALIVE_S = 2.0
"""Shorter than servers keep idle connections: one that closes under a request leaves a doubt."""

STATUSES: Mapping[str, DeliveryStatus] = {
    "SCHEDULED": DeliveryStatus.QUEUED,
    "BUFFERED": DeliveryStatus.QUEUED,
    "ENROUTE": DeliveryStatus.SENT,
    "DELIVERED": DeliveryStatus.DELIVERED,
    "ACCEPTED": DeliveryStatus.ACCEPTED_UNCONFIRMED,
    "EXPIRED": DeliveryStatus.EXPIRED,
    "UNDELIVERABLE": DeliveryStatus.FAILED,
    "REJECTED": DeliveryStatus.FAILED,
    "SKIPPED": DeliveryStatus.FAILED,
    "DELETED": DeliveryStatus.CANCELLED,
    "UNKNOWN": DeliveryStatus.UNKNOWN,
}
_TRY_LATER = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,  # a token that is wrong today concerns every text, not this one
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)

log = structlog.get_logger()


class _Taken(BaseModel):
    ids: list[int]


class _Error(BaseModel):
    code: str


class _Claims(BaseModel):
    """The fields of a report that we use; the number is not among them."""

    model_config = ConfigDict(extra="ignore")

    status: str
    userref: UUID


class GatewayApi:
    """One account at GatewayAPI, or at whatever speaks its protocol."""

    name = "gatewayapi"

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        url: str,
        token: str,
        webhook_secret: str,
        callback_url: str,
        sender: str,
    ) -> None:
        self._client = client
        self._url = url.rstrip("/") + PATH
        self._auth = httpx.BasicAuth(token, "")
        self._webhook_secret = webhook_secret
        self._callback_url = callback_url
        self._sender = sender

    async def submit(self, submission: Submission) -> Answer:
        """Hand a text over, in the GSM alphabet and one part."""
        body = {
            "sender": self._sender,
            "message": submission.message,
            "recipients": [{"msisdn": int(submission.msisdn)}],
            "userref": submission.notification_id,
            "callback_url": self._callback_url,
            "encoding": "UTF8",
            "max_parts": PARTS,
        }
        try:
            response = await self._client.post(self._url, json=body, auth=self._auth)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return NotTaken(type(error).__name__)
        except httpx.HTTPError as error:  # sent in part, in whole, or answered and lost
            return Unknown(type(error).__name__)
        return _judge(response)

    def read_report(self, headers: Mapping[str, str]) -> Report | None:
        """Read the report in the signature header.

        Raises:
            SignatureInvalid: it is missing, or not signed with our secret.
        """
        try:
            claims = jwt.decode(
                headers.get(SIGNATURE, ""),
                self._webhook_secret,
                algorithms=[ALGORITHM],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise SignatureInvalid("the report is not signed with the agreed secret") from error
        try:
            report = _Claims.model_validate(claims)
            status = STATUSES[report.status]
        except (ValidationError, KeyError):
            log.warning("report_not_understood", gateway=self.name)
            return None
        return Report(notification_id=str(report.userref), status=status)


def make_client(*, timeout_s: float, connections_max: int, proxy: str | None) -> httpx.AsyncClient:
    """Make the HTTP client of a gateway; it uses a proxy only when told to."""
    return httpx.AsyncClient(
        timeout=timeout_s,
        limits=httpx.Limits(max_connections=connections_max, keepalive_expiry=KEEP_ALIVE_S),
        proxy=proxy,
        trust_env=False,
    )


def _judge(response: httpx.Response) -> Answer:
    """Tell from the answer whether the gateway has the text."""
    status = response.status_code
    if response.is_success:
        try:
            taken = _Taken.model_validate_json(response.content)
        except ValidationError:
            return Unknown(f"HTTP {status} without ids")
        return Accepted() if taken.ids else Unknown(f"HTTP {status} without ids")
    if status in _TRY_LATER or response.is_redirect:
        return NotTaken(f"HTTP {status}")
    try:
        return Refused(_Error.model_validate_json(response.content).code)
    except ValidationError:  # not the gateway's own words: something between us and it
        if response.is_server_error:
            return Unknown(f"HTTP {status}")
        return Refused(f"HTTP {status}")
