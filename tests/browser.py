"""Headless Chromium, driven by selenium: it shows pages as a visitor sees them.

`tests/conftest.py` makes the fixture known everywhere::

    def test_front(browser):
        page = browser({"mysite.blue": "10.77.0.11"})   # names that nothing else resolves; {} for addresses alone
        page.get("http://mysite.blue/")
        assert page.find_element("tag name", "h1").text == "mysite works"
        assert complaints(page) == []
"""

import shutil
import tempfile
from contextlib import ExitStack, contextmanager

import pytest

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1000,800"),
    # It asks nobody for anything but the pages that a test names.
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--no-proxy-server"),
)
PATIENCE = 30


@contextmanager
def running(hosts=None, *flags):
    """Yield a browser (selenium's WebDriver) with a profile of its own, which goes with it.

    Args:
        hosts: addresses of the names that it may be sent to, which need not be in DNS or /etc/hosts.
        flags: more of Chromium's own.
    """
    from selenium import webdriver  # slow to import, and few tests need it

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    rules = ", ".join(f"MAP {name} {address}" for name, address in (hosts or {}).items())
    profile = tempfile.mkdtemp(prefix="kw-chromium-")
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}", f"--host-resolver-rules={rules}"):
        options.add_argument(flag)
    driver = None
    try:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        driver.set_page_load_timeout(PATIENCE)
        driver.implicitly_wait(0)
        yield driver
    finally:
        if driver:
            driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture(scope="module")
def browser():
    """Start browsers that end with the file's tests: `browser({"mysite.blue": "10.77.0.11"})`; see `running`."""
    with ExitStack() as stack:
        yield lambda hosts=None, *flags: stack.enter_context(running(hosts, *flags))


def complaints(page):
    """Return what the browser's console said since it was last asked, such as files that were not found.

    What it says by itself doesn't count: that a file has no icon, and which of Django's headers is for https alone.
    """
    said = [entry["message"] for entry in page.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]
    return [message for message in said if "/favicon.ico " not in message and "Cross-Origin-Opener" not in message]


def wait_until(page, condition, seconds=PATIENCE):
    """Wait until `condition(page)` is true, and return what it returned; elements that aren't there yet count as no."""
    from selenium.webdriver.support.wait import WebDriverWait

    return WebDriverWait(page, seconds, poll_frequency=0.02).until(condition)
