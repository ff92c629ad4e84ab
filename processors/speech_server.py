"""A server that hears or speaks: one client for all of them, and what its refusals mean for the user."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from processors.errors import EngineError, SettingError
from processors.language.errors import BusyError, asked_wait_s
from processors.language.waiting import outside_work

if TYPE_CHECKING:
    import httpx

_CONNECT_S = 3.0
_IDLE_S = 300.0
"""How long an unused connection is kept: a pause in the talk must not cost the next turn a handshake."""
_MOST_SHOWN = 120


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server, and the settings that name it."""

    name: str
    """For messages, such as `the Kokoro server`."""
    url: str
    url_setting: str
    key: str = field(default="", repr=False)
    key_setting: str = ""
    """Empty if the server takes no key."""
    model_setting: str = ""
    """Empty if it is not told what model to use."""
    timeout_s: float = 15.0
    """Longest wait for the next bytes."""
    timeout_setting: str = ""

    def __post_init__(self) -> None:
        """
        Raises:
            SettingError: the address or the key cannot be one.
        """
        if not self.url:
            raise SettingError(f"{self.url_setting} is not set; give it the address of {self.name}")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingError(f"{self.url_setting} is {self.url!r}; it must be an address such as http://host:8000")
        if not (self.key.isascii() and self.key.isprintable() and " " not in self.key):
            raise SettingError(f"{self.key_setting} holds a blank or a character that no key has; copy it once more")


class SpeechServer:
    """A client of one server. Cancelling a call closes its connection, at which a server stops working on it."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client:
            await client.aclose()

    async def get(self, path: str) -> "httpx.Response":
        """The answer to a GET, whatever its status.

        Raises:
            EngineError: there was none.
        """
        with self._failing(), outside_work():
            return await self._connected().get(path)

    async def post(self, path: str, **request: Any) -> "httpx.Response":
        """The good answer to a POST. `request`: what httpx takes (json, data, files).

        Raises:
            BusyError: it takes no more requests for now.
            EngineError: it cannot be reached, failed or refused.
        """
        with self._failing(), outside_work():
            answer = await self._connected().post(path, **request)
        if answer.status_code != 200:
            raise self.refusal(answer.status_code, answer.text, answer.headers)
        return answer

    @contextlib.asynccontextmanager
    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncIterator["httpx.Response"]:
        """The good answer to a POST of JSON, its body still to be read. Read it within this context.

        Raises:
            BusyError: it takes no more requests for now.
            EngineError: it cannot be reached, failed, refused, or broke off.
        """
        with self._failing():
            async with contextlib.AsyncExitStack() as stack:
                with outside_work():
                    answer = await stack.enter_async_context(self._connected().stream("POST", path, json=body))
                    if answer.status_code != 200:
                        await answer.aread()
                        raise self.refusal(answer.status_code, answer.text, answer.headers)
                yield answer

    def refusal(self, status: int, body: str, headers: Mapping[str, str]) -> EngineError:
        """What an answer other than 200 means for the user. The key is never part of it."""
        here = self.address
        told = " ".join(body.split())[:_MOST_SHOWN]
        if here.key:
            told = told.replace(here.key, "***")
        because = f"{status}: {told}" if told else f"{status}"
        match status:
            case 401 | 403 if here.key_setting:
                given = "a valid key" if here.key else "the key it wants"
                return EngineError(
                    f"{here.name} at {here.url} refuses us ({because}); set {here.key_setting} to {given}"
                )
            case 404 | 405:
                settings = " and ".join(filter(None, (here.url_setting, here.model_setting)))
                return EngineError(f"{here.name} at {here.url} has no such service ({because}); check {settings}")
            case 400 | 422 if here.model_setting:
                return EngineError(
                    f"{here.name} at {here.url} refuses the request ({because}); is {here.model_setting} right?"
                )
            case 429 | 503:
                seconds = asked_wait_s(headers.get("retry-after"))
                wait = "" if seconds is None else f", for {seconds:g} s"
                return BusyError(f"{here.name} takes no more requests{wait} ({because})", retry_after_s=seconds)
            case _:
                return EngineError(
                    f"{here.name} at {here.url} failed ({because})", retryable=status >= 500 or status == 408
                )

    def malformed(self, what: str) -> EngineError:
        """The error for an answer that is not what such a server gives."""
        return EngineError(
            f"{self.address.name} at {self.address.url} {what}; is {self.address.url_setting} right?", retryable=True
        )

    def _connected(self) -> "httpx.AsyncClient":
        if self._client is None:
            import httpx

            headers = {"Authorization": f"Bearer {self.address.key}"} if self.address.key else {}
            self._client = httpx.AsyncClient(
                base_url=self.address.url,
                headers=headers,
                timeout=httpx.Timeout(self.address.timeout_s, connect=min(_CONNECT_S, self.address.timeout_s)),
                limits=httpx.Limits(keepalive_expiry=_IDLE_S),
            )
        return self._client

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        import httpx

        here = self.address
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise EngineError(
                f"{here.name} cannot be reached at {here.url} ({error or type(error).__name__}); is it running? "
                f"({here.url_setting})",
                retryable=True,
            ) from error
        except httpx.TimeoutException as error:
            late = f"{here.name} at {here.url} sent nothing for {here.timeout_s:g} s ({here.timeout_setting})"
            raise EngineError(late, retryable=True) from error
        except httpx.HTTPError as error:
            broke = f"the connection to {here.name} at {here.url} broke ({error or type(error).__name__})"
            raise EngineError(broke, retryable=True) from error
