"""A page in headless Chromium: what it complains of, asks for and shows."""

import json
import re
import shutil
import subprocess

import pytest

ASK = """<script>addEventListener('load', () => {
  const images = [...document.images];
  const found = {images: images.length, broken: images.filter(i => !i.naturalWidth).length,
                 requests: performance.getEntriesByType('resource').map(entry => entry.name),
                 wider: Math.max(0, document.documentElement.scrollWidth - innerWidth)};
  document.body.setAttribute('data-found', JSON.stringify(found));
});</script>"""


def look_at(page, place, width=500):
    """What a browser finds of an HTML file: console, requests, images, broken, wider.

    Args:
        page: the file; place: a folder for copies; width: of the window, pixels.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed (Debian: apt-get install chromium)")
    copy = place / "copy.html"
    copy.write_text(page.read_text(encoding="utf-8") + ASK, encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--enable-logging=stderr",
        f"--user-data-dir={place / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND",  # the browser's own calls home
        f"--window-size={width},900",
        "--dump-dom",
    ]
    asked = [browser, *flags, copy.as_uri()]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r'data-found="([^"]*)"', done.stdout)[1].replace("&quot;", '"')
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return {**json.loads(found), "console": console}
