"""The pages of a sign-in in a real browser: they look whole, and its rules let the person through."""

import base64
import contextlib
import time
from pathlib import Path

import pytest

from support import browser
from support.oauth_platform import running
from support.service import serving
from support.sign_ins import Office, SignInPlatform

pytestmark = pytest.mark.skipif(browser.PROGRAM is None, reason=browser.NEEDED)


def press(tab: browser.Browser) -> None:
    """Press the page's button, in a moment: the answer comes before the page goes."""
    tab.evaluate("setTimeout(() => document.querySelector('button').click(), 50)")


def seen(tab: browser.Browser, script: str) -> str:
    """Wait for something on a page that is only being gone to: what is asked meanwhile may get no answer."""
    for _ in range(100):
        with contextlib.suppress(AssertionError):
            return str(tab.wait_for(script))
        time.sleep(0.1)
    raise TimeoutError(script)


def test_a_person_signs_in_and_chooses(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "service") as service,
        running(SignInPlatform) as platform,
        browser.browsing(tmp_path / "profile") as tab,
    ):
        assert isinstance(platform, SignInPlatform)
        platform.lists["/tenants"] = [{"id": "a", "name": "Acme"}, {"id": "b", "name": "Beta"}]
        about = {"url": f"{platform.url}/tenants", "field": "tenant", "idProperty": "id", "nameProperty": "name"}
        office = Office(service, platform).open(platform.document(tenant=about))
        tab.call("Page.navigate", url=office.link())
        assert "Connect Ledger" in tab.wait_for("document.querySelector('h1') && document.title")
        # The style sheet is let in by its hash, and nothing was refused.
        assert tab.evaluate("getComputedStyle(document.querySelector('button')).borderRadius") == "6px"
        picture = tab.call("Page.captureScreenshot", format="png")["data"]
        (tmp_path / "consent.png").write_bytes(base64.b64decode(picture))
        # The form leads on through two redirects of the platform: its policy must not stop them.
        press(tab)
        seen(tab, "document.querySelectorAll('input[type=radio]').length === 2")
        tab.evaluate("document.querySelectorAll('input[type=radio]')[1].click()")
        press(tab)
        assert "Ledger is connected" in seen(tab, "document.title.includes('connected') && document.title")
        (credential,) = office.credentials()
        assert credential["name"] == "Ledger: Beta"
        refused = [entry for said in tab.said("Log.entryAdded") if (entry := said["entry"])["level"] == "error"]
        assert [entry for entry in refused if "favicon" not in entry.get("url", "")] == []
        asked = {said["request"]["url"].split("?")[0] for said in tab.said("Network.requestWillBeSent")}
        assert all(url.startswith((service.url, platform.url)) for url in asked), asked


def test_no_page_frames_it(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "service") as service,
        running(SignInPlatform) as platform,
        browser.browsing(tmp_path / "profile") as tab,
    ):
        assert isinstance(platform, SignInPlatform)
        office = Office(service, platform).open()
        tab.call("Page.navigate", url=f"{platform.url}/anything")
        tab.wait_for("document.body !== null")
        frame = f"(f => {{ f.src = '{office.link()}'; document.body.append(f) }})(document.createElement('iframe'))"
        tab.evaluate(frame)
        said = "document.querySelector('iframe')"
        # What is refused is an error page of the browser's own, of no origin that anybody could look into.
        tab.wait_for(f"{said} && {said}.contentDocument === null")
        assert any("frame" in each["entry"]["text"].lower() for each in _logged(tab))


def _logged(tab: browser.Browser) -> list[dict[str, dict[str, str]]]:
    tab.wait_for("true")
    return tab.said("Log.entryAdded")
