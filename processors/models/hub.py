"""Downloads from a Hugging Face hub, or a mirror of one (`HF_ENDPOINT`), over plain HTTP.

The hub answers `/{repo}/resolve/{commit}/{path}` with the file, or with a redirect to its storage. Its headers
state beforehand what will arrive: for large files `X-Linked-Etag` is the SHA-256 and `X-Linked-Size` the length;
for small ones `ETag` is the git blob id. So a wrong file is refused before a byte of it is transferred, and a
partial download, named after that checksum, can only ever be resumed with the same content.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from .errors import SourceError
from .files import OnBytes, git_blob_sha1_of, require_space, sha256_of
from .manifest import HubSource

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")

DEFAULT_ENDPOINT = "https://huggingface.co"
_MAX_HOPS = 5
_RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a hub is waited for."""

    connect_s: float = 5.0
    read_s: float = 30.0
    """Silence in the middle of a transfer after which it is begun again where it stopped."""
    attempts: int = 5
    """Failures in a row, without one new byte between them, before giving up."""
    unreached_attempts: int = 2
    """The same while the hub has never answered: another source may be waiting its turn."""
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    """A hub that asks for a longer pause (`Retry-After`) is given up."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What the hub says a file is."""

    url: str
    checksum: str
    """SHA-256 (64 hex digits) or git blob id (40)."""
    size: int

    def mismatch(self, file: Path) -> str | None:
        """What is wrong with a downloaded file, or None."""
        if (size := file.stat().st_size) != self.size:
            return f"{size} bytes instead of {self.size}"
        actual = sha256_of(file) if len(self.checksum) == 64 else git_blob_sha1_of(file)
        return None if actual == self.checksum else f"checksum {actual[:12]}… instead of {self.checksum[:12]}…"


class HubUnreachableError(SourceError):
    """The hub did not answer at all; asking it for another file is no use."""


class _PassingError(Exception):
    """A failure worth another attempt."""

    def __init__(self, reason: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Hub:
    """One hub, for the length of a pull. Close it."""

    def __init__(
        self,
        endpoint: str | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            endpoint: base address; default `HF_ENDPOINT`, then the public hub.
            patience: timeouts and retries.
            sleep: waits between attempts; tests pass their own.
        """
        self._endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
        self._patience = patience or Patience()
        self._sleep = sleep
        self._open_client: httpx.Client | None = None
        self._reached = False

    @property
    def host(self) -> str:
        """For messages."""
        return urlsplit(self._endpoint).netloc or self._endpoint

    def close(self) -> None:
        """Close the connections."""
        if self._open_client is not None:
            self._open_client.close()

    def announce(self, source: HubSource) -> Announced:
        """Ask what a file is, without transferring it.

        Raises:
            HubUnreachableError: nothing answers at the endpoint.
            SourceError: the hub refuses, or states no checksum.
        """
        path = f"{source.repo}/resolve/{source.revision}/{source.path}"
        return self._patiently(lambda: self._ask(f"{self._endpoint}/{quote(path)}", source), lambda: 0, source)

    def fetch(self, source: HubSource, announced: Announced, folder: Path, on_bytes: OnBytes) -> Path:
        """Download a file, continuing one that was cut off, and check it.

        Args:
            source: for messages.
            announced: what `announce` said.
            folder: where the partial file lives between attempts, and between runs.
            on_bytes: called with the bytes on disk so far.

        Returns:
            The verified file, in `folder`; the caller moves it.

        Raises:
            SourceError: it cannot be had, or what arrives is not what was announced.
            ModelError: no disk space.
        """
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{announced.checksum}.part"

        def size() -> int:
            return partial.stat().st_size if partial.exists() else 0

        require_space(folder, announced.size - min(size(), announced.size), source.path)
        wrong = None
        for _ in range(2):
            if size() != announced.size:
                self._patiently(lambda: self._transfer(announced, partial, on_bytes), size, source)
            wrong = announced.mismatch(partial)
            if wrong is None:
                return partial
            # Damaged on the way or on disk. Once more from the first byte, then it is the source that is wrong.
            partial.unlink()
        raise SourceError(f"{self.host} sent a wrong {source.path}: {wrong}")

    def _client(self) -> httpx.Client:
        if self._open_client is None:
            import httpx

            self._open_client = httpx.Client(
                timeout=httpx.Timeout(self._patience.read_s, connect=self._patience.connect_s),
                # Compressed transfer would make sizes and ranges mean something else.
                headers={"Accept-Encoding": "identity", "User-Agent": "acore"},
            )
        return self._open_client

    def _ask(self, url: str, source: HubSource) -> Announced:
        for _ in range(_MAX_HOPS):
            with _passing_network_errors():
                response = self._client().head(url)
            self._reached = True
            self._raise_for(response)
            etag = response.headers.get("X-Linked-Etag") or response.headers.get("ETag") or ""
            checksum = etag.removeprefix("W/").strip('"')
            size = response.headers.get("X-Linked-Size") or response.headers.get("Content-Length") or ""
            stated = _SHA256.fullmatch(checksum) or _SHA1.fullmatch(checksum)
            target = response.headers.get("Location") if response.is_redirect else None
            if stated and size.isdecimal() and (target is None or "X-Linked-Size" in response.headers):
                return Announced(url, checksum, int(size))
            # Renamed repositories and small files are redirected within the hub; beyond it no checksum is stated.
            if target is None or urlsplit(urljoin(url, target)).netloc != urlsplit(url).netloc:
                break
            url = urljoin(url, target)
        raise SourceError(f"{self.host} states no checksum for {source.repo}/{source.path}")

    def _transfer(self, announced: Announced, partial: Path, on_bytes: OnBytes) -> None:
        have = partial.stat().st_size if partial.exists() else 0
        if have >= announced.size > 0:
            partial.unlink()
            have = 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with (
            _passing_network_errors(),
            self._client().stream("GET", announced.url, headers=headers, follow_redirects=True) as response,
        ):
            if response.status_code == 416:
                partial.unlink()
                raise _PassingError("the server refused to continue the download")
            self._raise_for(response)
            resumed = response.status_code == 206
            if resumed and not _starts_at(response.headers.get("Content-Range", ""), have):
                partial.unlink()
                raise _PassingError("the server continued the download at another place")
            have = have if resumed else 0
            with partial.open("ab" if resumed else "wb") as out:
                on_bytes(have)
                # As they come, not gathered into larger chunks: what has arrived when the line is cut is kept.
                for chunk in response.iter_raw():
                    have += len(chunk)
                    if have > announced.size:
                        break
                    out.write(chunk)
                    on_bytes(have)
        if have < announced.size:
            raise _PassingError(f"the connection ended after {have} of {announced.size} bytes")
        if have > announced.size:
            partial.unlink()
            raise SourceError(f"{self.host} sent more than the {announced.size} bytes it announced")

    def _raise_for(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in _RETRIED_STATUS:
            pause_s = _retry_after_s(response.headers.get("Retry-After", ""))
            if pause_s > self._patience.longest_wait_s:
                raise SourceError(f"{self.host} asks to wait {pause_s:.0f} s; try again then")
            raise _PassingError(f"status {status}", retry_after_s=pause_s)
        if status >= 400:
            raise SourceError(f"{self.host} refused {response.url.path}: status {status}")

    def _patiently(self, action: Callable[[], _T], progress: Callable[[], int], source: HubSource) -> _T:
        """Repeat an action while it fails in passing, and for as long as `progress` grows between failures."""
        from tenacity import RetryCallState, Retrying, retry_if_exception_type

        patience = self._patience
        stalled, before = 0, progress()

        def attempt() -> _T:
            nonlocal stalled, before
            try:
                return action()
            except _PassingError:
                now = progress()
                stalled, before = (1 if now > before else stalled + 1), now
                raise

        def exhausted(state: RetryCallState) -> bool:
            return stalled >= (patience.attempts if self._reached else patience.unreached_attempts)

        def pause_s(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked_s = error.retry_after_s if isinstance(error, _PassingError) else 0.0
            return max(asked_s, min(patience.first_wait_s * 2 ** (stalled - 1), patience.longest_wait_s))

        retrying = Retrying(
            retry=retry_if_exception_type(_PassingError),
            stop=exhausted,
            wait=pause_s,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _PassingError as error:
            if self._reached:
                raise SourceError(f"{self.host} failed on {source.repo}/{source.path}: {error}") from error
            raise HubUnreachableError(
                f"{self.host} cannot be reached ({error}); HF_ENDPOINT may name a mirror"
            ) from error


@contextmanager
def _passing_network_errors() -> Iterator[None]:
    """Name what the network did; almost all of it is worth another attempt."""
    import httpx

    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise SourceError(f"the hub address is not usable, check HF_ENDPOINT: {error}") from error
    except httpx.TimeoutException as error:
        raise _PassingError("no answer in time") from error
    except httpx.TransportError as error:
        raise _PassingError(str(error) or type(error).__name__) from error
    except httpx.HTTPError as error:
        raise SourceError(str(error)) from error


def _starts_at(content_range: str, offset: int) -> bool:
    return content_range.removeprefix("bytes ").partition("-")[0].strip() == str(offset)


def _retry_after_s(header: str) -> float:
    """Seconds asked for; the date form and nonsense count as no wish."""
    with suppress(ValueError):
        return max(0.0, float(header))
    return 0.0
