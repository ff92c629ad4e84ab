"""REST rate limits as Discord announces and enforces them: buckets in headers, 429 with Retry-After."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

_UNLIMITED = 50
_MAJOR = re.compile(r"/(?:channels|guilds|webhooks)/(\d+)")


@dataclass(slots=True)
class Rule:
    """So many requests in a window, for each channel, guild or webhook on its own."""

    method: str
    path: re.Pattern[str]
    limit: int
    window_s: float
    used: dict[str, list[float]] = field(default_factory=dict)


@dataclass(slots=True)
class Rejection:
    """Requests that are answered 429 whatever the bucket says."""

    method: str
    path: re.Pattern[str]
    retry_after_s: float
    times: int
    everywhere: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a request meets."""

    headers: dict[str, str]
    retry_after_s: float | None = None
    """None: the request passes."""
    everywhere: bool = False


class RateLimits:
    """Paths are regular expressions, matched from the start of what follows `/api/v10`."""

    def __init__(self) -> None:
        self.rejected = 0
        """How many requests were answered 429."""
        self._rules: list[Rule] = []
        self._rejections: list[Rejection] = []

    def limit(self, method: str, path: str, limit: int, window_s: float) -> None:
        """Keep a bucket: `limit` requests per `window_s`, announced in headers, then 429."""
        self._rules.append(Rule(method, re.compile(path), limit, window_s))

    def reject(self, method: str, path: str, retry_after_s: float, times: int = 1, everywhere: bool = False) -> None:
        """Answer the next `times` such requests with 429; `everywhere` calls it the global limit."""
        self._rejections.append(Rejection(method, re.compile(path), retry_after_s, times, everywhere))

    def judge(self, method: str, path: str) -> Verdict:
        """Count one request."""
        for rejection in self._rejections:
            if rejection.times and rejection.method == method and rejection.path.match(path):
                rejection.times -= 1
                self.rejected += 1
                # Remaining is left above nought: a limit that the bucket does not announce.
                headers = _headers("sub", _UNLIMITED, _UNLIMITED - 1, rejection.retry_after_s)
                return self._refuse(headers, rejection.retry_after_s, rejection.everywhere)
        for rule in self._rules:
            if rule.method == method and rule.path.match(path):
                return self._spend(rule, path)
        return Verdict(_headers("none", _UNLIMITED, _UNLIMITED - 1, 1.0))

    def _spend(self, rule: Rule, path: str) -> Verdict:
        now_s = time.monotonic()
        major = _MAJOR.search(path)
        spent = rule.used.setdefault(major[1] if major else "", [])
        spent[:] = [at_s for at_s in spent if now_s - at_s < rule.window_s]
        reset_s = rule.window_s - (now_s - spent[0]) if spent else rule.window_s
        bucket = f"{abs(hash((rule.method, rule.path.pattern))):x}"
        if len(spent) >= rule.limit:
            self.rejected += 1
            return self._refuse(_headers(bucket, rule.limit, 0, reset_s), reset_s, False)
        spent.append(now_s)
        return Verdict(_headers(bucket, rule.limit, rule.limit - len(spent), reset_s))

    def _refuse(self, headers: dict[str, str], retry_after_s: float, everywhere: bool) -> Verdict:
        scope = "global" if everywhere else "user"
        extra = {"Retry-After": f"{retry_after_s:.3f}", "X-RateLimit-Scope": scope}
        if everywhere:
            extra["X-RateLimit-Global"] = "true"
        return Verdict(headers | extra, retry_after_s, everywhere)


def _headers(bucket: str, limit: int, remaining: int, reset_after_s: float) -> dict[str, str]:
    return {
        "X-RateLimit-Bucket": bucket,
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": f"{time.time() + reset_after_s:.3f}",
        "X-RateLimit-Reset-After": f"{reset_after_s:.3f}",
    }
