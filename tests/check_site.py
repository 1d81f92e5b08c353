"""Check the built site in Chromium: `python tests/check_site.py SITE AXE`.

SITE is the folder that mkdocs wrote, AXE the `axe.min.js` of axe-core. Every page is looked at in the light and in the
dark scheme, wide and as narrow as a phone; any violation fails. Links and the places in pages that they name must exist.
"""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
WIDTHS = (1280, 390)
ID = re.compile(r"""\sid=["']?([^"'\s>]+)""")
LINK = re.compile(r"""\s(?:href|src)=["']?([^"'\s>]+)""")


def broken_links(site: Path) -> Iterator[str]:
    """Yield what leads nowhere within the site, and what the pages would load from elsewhere."""
    pages = {page: page.read_text("utf-8") for page in site.rglob("*.html") if page.name != "404.html"}
    ids = {page: set(map(unescape, ID.findall(text))) for page, text in pages.items()}
    for page, text in pages.items():
        for link in map(unescape, LINK.findall(text)):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if target.is_dir():
                target /= "index.html"
            if not target.exists() or (parts.fragment and target in ids and unquote(parts.fragment) not in ids[target]):
                yield f"{page.relative_to(site)}: {link}"
        loaded = re.findall(r"""<(?:script|img|iframe)[^>]*\ssrc=["']?(https?:[^"'\s>]+)""", text)
        yield from (f"{page.relative_to(site)} loads {url}" for url in loaded)


def violations(site: Path, axe: str) -> Iterator[str]:
    """Yield what axe finds."""
    for scheme in ("light", "dark"):
        options = webdriver.ChromeOptions()
        for argument in ARGUMENTS:
            options.add_argument(argument)
        options.binary_location = "/usr/bin/chromium"
        with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as browser:
            preference = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)
            for width in WIDTHS:
                size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                for page in sorted(site.rglob("*.html")):
                    if page.name != "404.html":
                        browser.get(page.as_uri())
                        found = look(browser, axe)
                        yield from (f"{page.relative_to(site)} ({scheme}, {width}): {text}" for text in found)


def look(browser: Any, axe: str) -> list[str]:
    """Run axe in the page that is shown."""
    browser.execute_script(axe)
    script = "const done = arguments[arguments.length - 1]; requestAnimationFrame(() => axe.run().then(done))"
    found = browser.execute_async_script(script)["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]


def main() -> int:
    """Print what is wrong."""
    site, axe = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).read_text("utf-8")
    wrong = 0
    for text in (*broken_links(site), *violations(site, axe)):
        sys.stdout.write(f"{text}\n")
        wrong += 1
    sys.stdout.write(f"{wrong} problems on {len(list(site.rglob('*.html')))} pages\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
