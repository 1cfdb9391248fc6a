"""A browser of its own, and what goes wrong in it."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway import User
from playwright.sync_api import Browser, ConsoleMessage, Request


class Visitor:
    def __init__(self, browser: Browser, url: str, *, width: int = 1280, height: int = 800, **options: object) -> None:
        self.url = url
        self.faults: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, ignore_https_errors=True, **options
        )
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"a script failed: {error}"))
        self.context.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        # That a page has the status of an error is what some tests are about.
        expected = "Failed to load resource: the server responded with a status of 4" in message.text
        if message.type in ("error", "warning") and not expected:
            self.faults.append(f"the browser says: {message.text}")

    def _asked(self, request: Request) -> None:
        if request.url.startswith("http") and urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.faults.append(f"another host is asked: {request.url}")

    def go(self, place: str = "") -> int:
        """Opens a page of the console; its status."""
        answer = self.page.goto(f"{self.url}/console/{place}")
        assert answer
        return answer.status

    def sign_in(self, user: User, secret: str | None = None) -> None:
        if "/console/sign-in" not in self.page.url:
            self.go()
        self.page.fill("#access_key_id", user.access_key)
        self.page.fill("#secret_access_key", secret or user.secret_key)
        self.page.click("form[action='/console/sign-in'] button")

    @property
    def place(self) -> str:
        return self.page.url.removeprefix(self.url)

    @property
    def notice(self) -> str:
        return self.page.inner_text(".notice.good, .notice.bad")

    def cookie(self, name: str) -> dict:
        return next(cookie for cookie in self.context.cookies() if cookie["name"] == name)

    def post(self, place: str, form: dict[str, str], **headers: str):
        """Sends a form as no page of ours would."""
        return self.context.request.post(f"{self.url}/console/{place}", form=form, headers=headers, max_redirects=0)

    def close(self) -> None:
        self.context.close()
