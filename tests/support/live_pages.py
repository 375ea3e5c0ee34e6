"""A browser for pages: Debian's Chromium, driven by playwright; skipped where either is absent."""

import contextlib
import functools
import shutil
import subprocess
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

OPTIONS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 120  # seconds


def find_chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("needs chromium")
    return found


def npm_package(folder, name, version):
    """The folder of a package that a browser is to have, fetched by npm."""
    find_chromium()
    pytest.importorskip("playwright.sync_api")
    if not shutil.which("npm"):
        pytest.skip("needs npm")
    command = ["npm", "install", "--silent", "--prefix", folder, f"{name}@{version}"]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip(f"npm cannot fetch {name}")
    return folder / "node_modules" / name


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder):
    """The address of a folder, while inside."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


@contextlib.contextmanager
def opened(address, width=1280, height=900):
    """(page, requests to elsewhere) of an address in a fresh browser, while inside."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=list(OPTIONS))
        page = browser.new_page(viewport={"width": width, "height": height})
        elsewhere = []

        def note(request):
            if not request.url.startswith((address, "blob:", "data:")):
                elsewhere.append(request.url)

        page.on("request", note)
        page.goto(address)
        yield page, elsewhere
        browser.close()


def wait_until(page, reached):
    """Wait until `reached()` is true; pages forbid the evaluation that playwright's own wait is."""
    until = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < until, page.inner_text("body")
        page.wait_for_timeout(50)
