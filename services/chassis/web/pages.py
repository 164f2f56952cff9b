"""Makes pages from templates, says what a browser may load, and shows refusals as pages too."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import jinja2
import structlog
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

from services.chassis.database import PASSING, may_pass
from services.chassis.errors import ConflictError, NotFound, Rejection, TransientError, describe
from services.chassis.web.words import Language, Tongue, read_words

FOLDER: Final = Path(__file__).parent
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # an address says which card was asked for
    "Cache-Control": "no-store",  # nor does the browser keep what it showed
}

log = structlog.get_logger()


class LanguageUnknown(NotFound):
    """The address names a language that the pages are not in."""

    code = "language-unknown"


class Pages:
    """The pages of one service: its templates within the common frame, and its words."""

    def __init__(
        self, folder: Path, words: Iterable[Path], *, prefix: str, **given: object
    ) -> None:
        """Read templates from `folder`, `words` from files; every address begins with `prefix`.

        `given`: what every page is given, those that show a refusal too.
        """
        self.prefix = prefix
        self._given = given
        self.words = {
            name: texts
            for file in (FOLDER / "frame.toml", *words)
            for name, texts in read_words(file).items()
        }
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader([folder, FOLDER / "templates"]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def mount(self, app: FastAPI) -> None:
        """Serve the frame's own files: styles, icons, fonts, scripts."""
        files = StaticFiles(directory=FOLDER / "static")
        app.mount(f"{self.prefix}/static", files, name=f"static {self.prefix}")

    def tongue(self, language: Language) -> Tongue:
        """Give the words in one language."""
        return Tongue(language, self.words)

    async def show(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Make a page; the template is given the language's words as `t`.

        In a thread of its own, for it takes milliseconds, and others wait for the loop.
        """
        language = _language(request)
        tongue = self.tongue(language)
        text = await asyncio.to_thread(
            self._templates.get_template(template).render,
            t=tongue,
            prefix=self.prefix,
            here=f"{self.prefix}/{language}",
            elsewhere=self._elsewhere(request, language, tongue.other),
            **self._given,
            **values,
        )
        return HTMLResponse(text, status_code=status, headers=SECURITY_HEADERS)

    def router(self) -> APIRouter:
        """Make a router whose addresses begin with the prefix, and whose refusals are pages."""
        return APIRouter(
            prefix=self.prefix,
            tags=["console"],
            include_in_schema=False,
            route_class=self._route_class(),
            default_response_class=HTMLResponse,
            dependencies=[Depends(_require_language)],
        )

    def _route_class(self) -> type[APIRoute]:
        """Give routes on which what is refused or fails is a page, not JSON."""
        show_problem = self._show_problem

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                handle = super().get_route_handler()

                async def handler(request: Request) -> Response:
                    try:
                        return await handle(request)
                    except Exception as error:
                        found = _problem(error)
                        if found is None:
                            raise
                        return await show_problem(request, *found)

                return handler

        return PageRoute

    def _elsewhere(self, request: Request, language: Language, other: Language) -> str:
        """Give the address of the same page in the other language."""
        rest = request.url.path.removeprefix(f"{self.prefix}/{language}")
        path = f"{self.prefix}/{other}{rest}"
        return f"{path}?{request.url.query}" if request.url.query else path

    async def _show_problem(self, request: Request, status: int, code: str) -> Response:
        name = f"problem_{code}"
        known = name if name in self.words else "problem_other"
        return await self.show(
            request, "problem.html", status=status, code=code, name=known, reader=None
        )


def _problem(error: Exception) -> tuple[int, str] | None:
    """Give the status and code that an error is shown with; None if it is a fault of ours."""
    match error:
        case Rejection():
            return error.status, error.code
        case RequestValidationError():
            return int(HTTPStatus.UNPROCESSABLE_ENTITY), "request-malformed"
        case ConflictError() | TransientError():
            pass
        case _ if isinstance(error, PASSING) and may_pass(error):
            pass
        case _:
            return None
    log.warning("request_failed", error=describe(error))
    return int(HTTPStatus.SERVICE_UNAVAILABLE), "unavailable"


def _require_language(request: Request) -> None:
    """Refuse an address in a language that is none of ours; one that names none is well."""
    if request.path_params.get("language", Language.DANISH) not in set(Language):
        raise LanguageUnknown("the pages are in da and en")


def _language(request: Request) -> Language:
    """Give the language of an address; Danish where it names none of ours."""
    named = request.path_params.get("language")
    return Language.ENGLISH if named == Language.ENGLISH else Language.DANISH
