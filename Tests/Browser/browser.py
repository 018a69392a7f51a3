"""Chromium as a person without a mouse would use it, and what every page must keep."""

import importlib.util
import os
import pathlib

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 60
AXE = pathlib.Path(importlib.util.find_spec("axe_core_python").origin).with_name("axe.min.js")


class Browser:
    def __init__(self):
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--hide-scrollbars", "--lang=en-US"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.width(1280)

    def quit(self):
        self.driver.quit()

    def open(self, url):
        self.driver.get(url)

    def width(self, pixels, dark=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def find(self, selector):
        return self.until(lambda: next(iter(self.driver.find_elements(By.CSS_SELECTOR, selector)), None), selector)

    def text(self, selector):
        """What the page shows there; empty when there is nothing or it is hidden."""
        return self.driver.execute_script(
            "const node = document.querySelector(arguments[0]);"
            "return node?.checkVisibility() ? node.innerText.trim() : ''", selector)

    def texts(self, selector):
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((node) => node.innerText.trim())", selector)

    def until(self, condition, what):
        """Waits until the condition gives something true, and gives it back."""
        # Between two pages there is a moment without one.
        return WebDriverWait(self.driver, PATIENCE, 0.05, [WebDriverException, LookupError]).until(
            lambda _: condition(), f"waited for: {what}")

    def until_text(self, selector, text):
        self.until(lambda: text in self.text(selector), f"{text!r} in {selector}")

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def check(self, test, name):
        """No console error, nothing wider than the window, nothing that axe finds serious; and pictures."""
        errors = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"
                  and "status of 409" not in entry["message"] and "status of 422" not in entry["message"]
                  and "status of 401" not in entry["message"] and "status of 404" not in entry["message"]]
        test.assertEqual(errors, [], f"console of {name}")
        os.makedirs(os.environ["SHOTS"], exist_ok=True)
        for width in (1280, 390):
            for dark in (False, True):
                self.width(width, dark)
                scheme = "dark" if dark else "light"
                self.driver.save_screenshot(f"{os.environ['SHOTS']}/{name}-{width}-{scheme}.png")
                wide = self.driver.execute_script("return document.documentElement.scrollWidth")
                test.assertLessEqual(wide, width, f"{name} is too wide at {width}")
                self.check_access(test, f"{name} at {width}, {scheme}")
        self.width(1280)

    def check_access(self, test, name):
        # The policy of the pages forbids inline scripts, but not those of the test driver.
        self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then((found) => done(found.violations))")
        serious = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found
                   if one["impact"] in ("serious", "critical")]
        test.assertEqual(serious, [], f"axe on {name}")
