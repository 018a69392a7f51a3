"""The main deeds on every page, by keyboard where a person could."""

import unittest

from selenium.webdriver.common.keys import Keys

from browser import Browser
from receiver import Receiver
from server import Server

ODD = "<script>alert('\"&')</script> \u202eעברית"


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.server.ask("api/products", "DELETE")

    def open(self, path):
        self.browser.open(f"{self.server.url}/{path}")

    def test_1_nothing_yet(self):
        browser = self.browser
        self.open("")
        browser.until_text("#empty", "No imports yet")
        browser.until_text(".health-word", "All well")
        browser.check(self, "imports-empty")
        self.open("products")
        browser.until_text("#empty", "No products yet")
        browser.check(self, "products-empty")

    def test_2_a_file_is_uploaded_and_its_import_followed(self):
        browser = self.browser
        path = self.server.write("winter.csv", "sku,name\nA-17,Wool scarf\nA-18,Wool hat\n,Gloves\n")
        self.open("")
        browser.find("#file").send_keys(path)
        browser.until(lambda: browser.texts(".imports .file")[:1] == ["winter.csv"], "the import's row")
        browser.until_text(".import .pill", "Completed")
        self.assertEqual(browser.text(".import .counts"), "2 created\n1 rejected")
        self.assertEqual(browser.texts("#uploads li"), [])
        browser.check(self, "imports")
        browser.find(".import .file").click()
        browser.until_text("#sentence", "2 products are in the catalogue: 2 new. 1 row needs your attention.")
        browser.until_text("#reject-rows", "This row has no SKU.")
        self.assertEqual(browser.text("#reject-rows td"), "4")
        browser.check(self, "import")

    def test_3_a_dry_run_changes_nothing(self):
        browser = self.browser
        path = self.server.write("trial.csv", "sku\nB-1\n")
        self.open("")
        browser.find("#dry-run").send_keys(Keys.SPACE)
        browser.find("#file").send_keys(path)
        browser.until(lambda: browser.texts(".imports .file")[:1] == ["trial.csv"], "the import's row")
        browser.until_text(".import .pill", "Completed")
        self.assertEqual(browser.text(".import .tag"), "Preview")
        self.assertEqual(self.server.ask("api/products")["total"], 0)

    def test_4_an_import_is_cancelled_and_everything_is_as_before(self):
        browser = self.browser
        self.server.drop("before.csv", "sku,name\nC-1,before\nC-2,before\n")
        before = self.server.read("api/products.csv")
        rows = "".join(f"C-{number},after {number}\n" for number in range(400_000))
        path = self.server.write("large.csv", f"sku,name\n{rows}")
        self.open("")
        browser.find("#file").send_keys(path)
        browser.until(lambda: browser.texts(".imports .file")[:1] == ["large.csv"], "the import's row")
        cancel = browser.find("button[aria-label=\"Cancel large.csv\"]")
        browser.until(cancel.is_displayed, "the button")
        cancel.send_keys(Keys.ENTER)
        browser.until_text(".import .pill", "Cancelled")
        self.assertEqual(self.server.read("api/products.csv"), before)
        browser.check(self, "imports-cancelled")
        browser.find(".import .file").click()
        browser.until_text("#sentence", "cancelled")
        browser.check(self, "import-cancelled")
        done = self.server.ask("api/imports")["items"][0]
        browser.open(f"file://{self.server.folder.name}/outbox/{done['id']}/report.html")
        browser.until_text(".sentence", "cancelled")
        browser.check(self, "report-cancelled")

    def test_5_products_are_made_edited_and_deleted_by_keyboard(self):
        browser = self.browser
        self.open("products")
        browser.until_text("#empty", "No products yet")
        browser.find("#new").send_keys(Keys.ENTER)
        browser.press("A-17", Keys.TAB, )
        browser.press("Wool scarf", Keys.ENTER)
        browser.until(lambda: browser.texts("td .sku") == ["A-17"], "the new product")
        browser.until_text("#count", "1 product")

        # The same SKU again, in another case.
        browser.find("#new").send_keys(Keys.ENTER)
        browser.press("a-17", Keys.ENTER)
        browser.until_text("tr.new .field-error", "Another product has this SKU.")
        browser.check(self, "products-error")
        browser.press(Keys.ESCAPE)
        browser.until(lambda: not browser.texts("tr.new"), "the new row to go")

        # Enter edits, Tab saves and goes on, Escape takes back.
        browser.find("td .sku").send_keys(Keys.ENTER)
        browser.press(Keys.CONTROL, "a")
        browser.press("A-18", Keys.TAB)
        browser.until(lambda: browser.texts("td .sku") == ["A-18"], "the saved SKU")
        browser.until(lambda: browser.driver.switch_to.active_element.get_attribute("aria-label") == "Name", "the name")
        browser.press("something else", Keys.ESCAPE)
        self.assertEqual(browser.texts("td .name"), ["Wool scarf"])
        browser.find(".switch").send_keys(Keys.SPACE)
        browser.until(lambda: browser.find(".switch").get_attribute("aria-checked") == "false", "the switch")
        product = self.server.ask("api/products")["items"][0]
        self.assertEqual((product["sku"], product["name"], product["active"]), ("A-18", "Wool scarf", False))

        # Deleting can be undone.
        browser.find("td .quiet-button").send_keys(Keys.ENTER)
        browser.until_text("#toast", "Deleted A-18.")
        self.assertEqual(self.server.ask("api/products")["total"], 0)
        browser.find("#undo").send_keys(Keys.ENTER)
        browser.until(lambda: browser.texts("td .sku") == ["A-18"], "the product again")
        self.assertEqual(self.server.ask("api/products")["items"][0]["active"], False)

    def test_6_the_address_holds_the_view(self):
        browser = self.browser
        rows = "".join(f"P-{number},Thing {number},,{'yes' if number % 2 else 'no'}\n" for number in range(60))
        self.server.drop("sixty.csv", f"sku,name,description,active\n{rows}")
        self.open("products")
        browser.until_text("#count", "60 products")
        browser.driver.execute_script("document.activeElement.blur()")
        browser.press("/")
        browser.press("THING 1")
        browser.until_text("#count", "11 of 60")
        self.assertIn("q=THING+1", browser.driver.current_url)
        browser.find("th[data-key=sku] button").send_keys(Keys.ENTER)
        browser.until(lambda: browser.texts("td .sku")[:2] == ["P-1", "P-10"], "the order")
        address = browser.driver.current_url
        self.open("")
        browser.open(address)
        browser.until(lambda: browser.texts("td .sku")[:2] == ["P-1", "P-10"], "the same view")
        self.assertEqual(browser.find("input[name=q]").get_attribute("value"), "THING 1")
        self.assertIn("q=THING+1&sort=sku", browser.find("#export").get_attribute("href"))
        browser.check(self, "products")
        self.open("products?per_page=50")
        browser.until_text("#place", "Page 1 of 2")
        browser.find("#next").send_keys(Keys.ENTER)
        browser.until_text("#place", "Page 2 of 2")
        self.assertEqual(len(browser.texts("td .sku")), 10)
        self.open("products?q=nothing")
        browser.until_text("#no-match", "Nothing matches")
        browser.find("#clear").send_keys(Keys.ENTER)
        browser.until_text("#count", "60 products")

    def test_7_everything_is_deleted_only_after_the_words(self):
        browser = self.browser
        self.server.drop("three.csv", "sku\n1\n2\n3\n")
        self.open("products")
        browser.until_text("#count", "3 products")
        browser.find("#delete-all").send_keys(Keys.ENTER)
        browser.until_text("#delete-word", "delete 3")
        browser.check(self, "products-delete-all")
        browser.press("delete 4")
        self.assertFalse(browser.find("#delete-confirm").is_enabled())
        browser.press(Keys.BACKSPACE, "3", Keys.ENTER)
        browser.until_text("#empty", "No products yet")
        self.assertEqual(self.server.ask("api/products")["total"], 0)

    def test_8_whatever_a_text_holds_is_shown_as_text(self):
        browser = self.browser
        name = (ODD + " " + "long " * 200)[:1000]
        self.server.ask("api/products", "POST", {"sku": "X" * 200, "name": name, "description": ODD * 50})
        self.open("products")
        browser.until(lambda: browser.texts("td .name")[0].startswith("<script>"), "the name")
        browser.check(self, "products-odd")
        file = "<img src=x onerror=alert(1)> " + "x" * 200 + ".csv"
        done = self.server.drop(file, "sku,name\nA-1,x\n")
        self.open("")
        browser.until(lambda: browser.texts(".imports .file")[0] == file, "the file's name")
        browser.check(self, "imports-odd")
        self.open(f"imports/{done['id']}")
        browser.until_text("h1", file)
        browser.check(self, "import-odd")
        self.open("nowhere")
        browser.until_text("h1", "Not Found")
        browser.check(self, "problem")


class SignedIn(unittest.TestCase):
    def test_the_password_leads_back_to_the_page(self):
        server = Server(IMPORTER_ADMIN_PASSWORD="päss wörd")
        self.addCleanup(server.stop)
        browser = Browser()
        self.addCleanup(browser.quit)
        browser.open(f"{server.url}/products?q=x")
        browser.until_text("h1", "Sign in")
        browser.press("wrong", Keys.ENTER)
        browser.until_text("#login-error", "This is not the password.")
        browser.check(self, "login")
        browser.find("#password").send_keys("päss wörd", Keys.ENTER)
        browser.until_text("h1", "Products")
        self.assertTrue(browser.driver.current_url.endswith("/products?q=x"))
        browser.until_text("#no-match", "Nothing matches")
        browser.find(".sign-out button").send_keys(Keys.ENTER)
        browser.until_text("h1", "Sign in")
        browser.open(f"{server.url}/products")
        browser.until_text("h1", "Sign in")


class Webhooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.stop)
        cls.server = Server(IMPORTER_WEBHOOK_ALLOW="127.0.0.1", IMPORTER_WEBHOOK_RETRY_SCHEDULE="1s")
        cls.addClassCleanup(cls.server.stop)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def test_1_a_webhook_is_added_tested_and_switched(self):
        browser = self.browser
        browser.open(f"{self.server.url}/webhooks")
        browser.until_text("#empty", "No webhooks yet")
        browser.check(self, "webhooks-empty")
        url = browser.find("input[name=url]")
        url.send_keys("ftp://example.com", Keys.ENTER)
        browser.until_text("#url-error", "http")
        url.send_keys(Keys.CONTROL, "a")
        url.send_keys(f"{self.receiver.url}/ok", Keys.ENTER)
        browser.until(lambda: browser.text("#secret-text").startswith("whsec_"), "the secret")
        browser.check(self, "webhooks-secret")
        browser.find("#secret-done").send_keys(Keys.ENTER)
        self.assertEqual(browser.text("#secret-text"), "")
        browser.find(".webhook-line > button").send_keys(Keys.ENTER)
        browser.until_text(".webhook .answer", "Accepted: 200 OK")
        browser.find(".webhook .switch input").send_keys(Keys.SPACE)
        browser.until_text(".webhook .switch", "Off")
        self.assertFalse(self.server.ask("api/webhooks")[0]["enabled"])
        browser.find(".webhook .switch input").send_keys(Keys.SPACE)
        browser.until_text(".webhook .switch", "On")

    def test_2_what_failed_is_seen_and_sent_again(self):
        browser = self.browser
        hook = self.server.ask("api/webhooks", "POST", {"url": f"{self.receiver.url}/turn", "events": ["import.completed"]})
        done = self.server.drop("hooked.csv", "sku\nH-1\n")
        browser.open(f"{self.server.url}/webhooks/{hook['id']}")
        browser.until_text(".delivery .pill", "Failed")
        browser.until_text("#health-banner", "2 attempts failed in a row")
        browser.find(".delivery summary").send_keys(Keys.ENTER)
        browser.until_text(".delivery .inside", "500")
        browser.check(self, "webhook")
        self.receiver.answers["/turn"] = 200
        browser.find("#resend button").send_keys(Keys.ENTER)
        browser.until_text(".delivery .pill", "Delivered")
        ids = {message["webhook-id"] for path, message in self.receiver.messages if path == "/turn"}
        self.assertEqual(len(ids), 1, "every attempt of one message has its id")
        browser.open(f"{self.server.url}/imports/{done['id']}")
        browser.until_text("#import-deliveries", "import.completed to")
        browser.check(self, "import-webhooks")
        browser.open(f"{self.server.url}/webhooks")
        browser.until_text(".webhooks", "/turn")
        browser.check(self, "webhooks")

    def test_3_a_webhook_is_deleted_by_two_clicks(self):
        browser = self.browser
        hook = self.server.ask("api/webhooks", "POST", {"url": f"{self.receiver.url}/gone", "events": ["*"]})
        browser.open(f"{self.server.url}/webhooks/{hook['id']}")
        browser.until_text("h1", "/gone")
        browser.find("#delete").send_keys(Keys.ENTER)
        browser.until_text("#delete", "Click once more")
        browser.find("#delete").send_keys(Keys.ENTER)
        browser.until_text("h1", "Webhooks")
        self.assertNotIn(hook["id"], [one["id"] for one in self.server.ask("api/webhooks")])


if __name__ == "__main__":
    unittest.main()
