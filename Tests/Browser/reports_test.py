"""Reports of files that differ much, opened in a browser straight from the folder, as their readers do."""

import pathlib
import unittest

import html5lib

from browser import Browser
from server import Server

MANY = "".join(f"R-{number},Thing {number}\n" for number in range(400))
HALF = "".join(f"{'H-' if number % 2 else ''}{number if number % 2 else ''},Thing\n" for number in range(400))


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(IMPORTER_MAX_REJECT_PERCENT="60")
        cls.addClassCleanup(cls.server.stop)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def check(self, name, content, sentence, preview=False):
        done = self.server.drop(name, content, folder="inbox/preview" if preview else "inbox")
        outbox = pathlib.Path(self.server.folder.name, "outbox")
        report = outbox / done["id"] / "report.html"
        page = report.read_bytes()
        self.assertLess(len(page), 300_000, name)
        html5lib.HTMLParser(strict=True).parse(page)
        self.browser.open(report.as_uri())
        self.assertIn(sentence, self.browser.text(".sentence"))
        self.browser.check(self, f"report-{name.split('.')[0]}")
        return done

    def test_each_says_what_happened_first(self):
        changed = MANY.replace("Thing 7", "Thing seven")
        self.check("fine.csv", f"sku,name\n{MANY}", "400 products are in the catalogue: 400 new.")
        self.check("same.csv", f"sku,name\n{MANY}", "All 400 products of this file are in the catalogue as before")
        self.check("changed.csv", f"sku,name\n{changed}", "400 products are in the catalogue: 11 changed, 389 as before.")
        self.check("half.csv", f"sku,name\n{HALF}", "200 products are in the catalogue: 200 new. 200 rows need your attention.")
        self.check("header.csv", "article,name\nA,b\n", "This file was not imported, and nothing was changed.")
        self.check("cp1252.csv", "sku;name\r\nK-1;Größe\r\n".encode("cp1252"), "1 product is in the catalogue: 1 new.")
        self.check("utf16.csv", "sku\tname\r\nU-1\tGröße\r\n".encode("utf-16"), "1 product is in the catalogue: 1 new.")
        self.check("quote.csv", 'sku,name\nA,"open\nB,b\n', "This file was not imported, and nothing was changed.")
        self.check("empty.csv", "", "The file is empty.")
        self.check("trial.csv", "sku,name\nT-1,new\nR-1,other\n", "This was a preview: nothing was changed. An import would leave 2 products", preview=True)
        self.check("odd <b>&.csv", "sku,name\nO-1,<script>alert(1)</script>\u202e\n", "1 product is in the catalogue: 1 new.")
        self.check("damaged.csv", "sku,name\n1.23E+11,CafÃ©\n", "There are 2 warnings")

        index = pathlib.Path(self.server.folder.name, "outbox", "index.html")
        self.browser.until(lambda: b"damaged.csv" in index.read_bytes(), "the overview")
        html5lib.HTMLParser(strict=True).parse(index.read_bytes())
        self.browser.open(index.as_uri())
        self.browser.until_text("h1", "Imports")
        self.browser.check(self, "overview")


if __name__ == "__main__":
    unittest.main()
