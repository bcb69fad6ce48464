"""A real Chromium without a window, and what pages did in it."""

from __future__ import annotations

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE_VARIABLE = "TRIMPI_AXE"
"""Names another axe.min.js than the one that selenium-axe-python brings."""
WIDTHS = (1280, 390)
"""Of a desktop's window, and of a phone, where charts and tables scroll."""
SERIOUS = ("serious", "critical")


def missing() -> str | None:
    """Why no page can be opened; None if it can."""
    if find_spec("selenium") is None:
        return "selenium is not installed: pip install 'trimpi[browser]'"
    if chromium() is None or shutil.which("chromedriver") is None:
        return "Chromium is not installed: apt-get install chromium chromium-driver"
    return None


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


def axe_script() -> str | None:
    """axe-core's text; None where it is not installed."""
    if named := os.environ.get(AXE_VARIABLE):
        return Path(named).read_text(encoding="utf-8")
    found = find_spec("selenium_axe_python")
    if found is None or found.origin is None:
        return None
    return (Path(found.origin).parent / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


class Browser:
    """One Chromium with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        from selenium.webdriver import Chrome, ChromeOptions, ChromeService

        options = ChromeOptions()
        options.binary_location = chromium() or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))

    def open(self, page: Path, fragment: str = "", *, width: int = 1280, dark: bool = False) -> None:
        """Load the page anew in a window of that width; what earlier ones logged is dropped."""
        self.resize(width)
        self.prefer("dark" if dark else "light")
        self.driver.get("about:blank")
        self.driver.get_log("browser"), self.driver.get_log("performance")
        self.driver.get(page.as_uri() + fragment)

    def resize(self, width: int) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def console(self) -> list[str]:
        """What the page logged: errors and blocked content among it."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Every address that was asked for since the page was opened, data URIs aside."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        addresses = [
            event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"
        ]
        return [address for address in addresses if not address.startswith("data:")]

    def violations(self, axe: str) -> list[str]:
        """What axe finds serious or critical: the rule and the elements."""
        self.run(axe)
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations));"
        )
        return [
            f"{violation['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
            for violation in found
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]
