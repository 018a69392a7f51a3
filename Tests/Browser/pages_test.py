"""The main deeds on every page, by keyboard where a person could."""

import re
import time
import unittest

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
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
        browser.find("#health summary").send_keys(Keys.ENTER)
        browser.until_text(".health-parts", "Database is well.")
        browser.press(Keys.ESCAPE)
        browser.until(lambda: browser.text(".health-parts") == "", "the panel to close")
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
        browser.find(".import .file").click()
        browser.until_text("#facts", "What an import would do")
        browser.until_text("#facts", "Would be created\n1")

    def test_3a_files_wait_as_they_were_chosen_and_can_be_taken_back(self):
        browser = self.browser
        paths = [self.server.write(f"wait-{number}.csv", "sku\n" + "W-1\n" * 50_000) for number in range(3)]
        self.open("")
        browser.until_text(".health-word", "All well")
        browser.driver.set_network_conditions(latency=0, download_throughput=1 << 20, upload_throughput=100_000)
        self.addCleanup(browser.driver.delete_network_conditions)
        browser.find("#dry-run").send_keys(Keys.SPACE)
        browser.find("#file").send_keys("\n".join(paths))
        browser.find("#dry-run").send_keys(Keys.SPACE)
        browser.until_text("#uploads li:nth-child(2)", "Waiting to be sent")
        self.assertEqual(browser.texts("#uploads .tag"), ["Preview"] * 3)
        prevented = browser.driver.execute_script(
            "return !dispatchEvent(new Event('beforeunload', { cancelable: true }))")
        self.assertTrue(prevented, "leaving the page is asked about")
        browser.find("#uploads li:nth-child(2) button").send_keys(Keys.ENTER)
        self.assertEqual(len(browser.texts("#uploads li")), 2)
        browser.driver.delete_network_conditions()
        browser.until(lambda: browser.texts(".imports .file")[:2] == ["wait-2.csv", "wait-0.csv"], "the imports")
        browser.until(lambda: browser.texts(".import .pill")[:2] == ["Completed"] * 2, "their ends")
        self.assertEqual([item["dry_run"] for item in self.server.ask("api/imports")["items"][:2]], [True, True])
        self.assertEqual(self.server.ask("api/products")["total"], 0)

    def test_3b_what_looks_like_damage_is_seen_on_the_list(self):
        browser = self.browser
        self.server.drop("numbers.csv", "sku,name\n1.23E+11,Lamp\nA-1,\"x\"y\n")
        self.open("")
        browser.until_text(".import .attention", "1 warning")
        browser.check(self, "imports-warning")
        browser.find(".import .attention").click()
        browser.until_text("#warning-list", "shortened")
        browser.until_text("#reject-rows", "The whole row")
        self.assertIn("A-1,\"x\"y", browser.text("#reject-rows"))

    def test_3c_rejects_and_their_repair_lead_to_each_other(self):
        browser = self.browser
        first = self.server.drop("broken.csv", "sku,name\nA-1,Lamp\n,Cup\n,Box\n")
        second = self.server.drop("rejects.csv", "sku,name\nA-2,Cup\nA-3,Box\n")
        self.open(f"imports/{second['id']}")
        browser.until_text("#repair", "repairs rejected rows of an earlier import")
        browser.find("#repair a").click()
        browser.until_text("#repair", "came back in rejects.csv. Nothing is open.")
        self.assertTrue(browser.driver.current_url.endswith(first["id"]))
        browser.until_text("#reject-advice", "They have been repaired since.")
        browser.check(self, "import-repaired")

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
        # A try that fails is said until the next one.
        browser.driver.execute_cdp_cmd("Network.enable", {})
        browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/cancel"]})
        cancel.send_keys(Keys.ENTER)
        browser.until_text(".import .message", "This was not cancelled.")
        facts = browser.text(".import-facts")
        browser.until(lambda: browser.text(".import-facts") != facts, "the next poll")
        self.assertIn("This was not cancelled.", browser.text(".import .message"))
        browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        browser.driver.get_log("browser")
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
        browser.find("#act").send_keys(Keys.ENTER)
        browser.until(lambda: browser.texts("td .sku") == ["A-18"], "the product again")
        self.assertEqual(self.server.ask("api/products")["items"][0]["active"], False)
        browser.until(lambda: browser.driver.switch_to.active_element.text == "A-18", "the focus")

    def test_5a_a_double_click_deletes_one_and_all_deletions_can_be_undone(self):
        browser = self.browser
        self.server.drop("four.csv", "sku\nD-1\nD-2\nD-3\nD-4\n")
        self.open("products?sort=sku")
        browser.until_text("#count", "4 products")
        browser.until(lambda: not browser.driver.find_elements(By.CSS_SELECTOR, "[data-settling]"), "a settled list")
        mouse = ActionChains(browser.driver, duration=0)
        mouse.move_to_element(browser.find("td .quiet-button")).click().pause(0.25).click().perform()
        browser.until_text("#count", "3 products")
        time.sleep(1)
        self.assertEqual(browser.texts("td .sku"), ["D-2", "D-3", "D-4"])
        browser.find("td .quiet-button").send_keys(Keys.ENTER)
        browser.until_text("#toast", "Deleted 2 products.")
        browser.check(self, "products-deleted")
        browser.find("#act").send_keys(Keys.ENTER)
        browser.until_text("#count", "4 products")
        self.assertEqual(browser.texts("td .sku"), ["D-1", "D-2", "D-3", "D-4"])
        # When the toast goes, the focus stays where the work was.
        browser.find("tr:nth-child(2) .quiet-button").send_keys(Keys.ENTER)
        browser.until_text("#toast", "Deleted D-2.")
        browser.until(lambda: browser.text("#toast") == "", "the toast to go")
        self.assertEqual(browser.driver.switch_to.active_element.text, "D-3")

    def test_5b_the_filter_is_told_apart_from_the_catalogue(self):
        browser = self.browser
        self.server.drop("two.csv", "sku\nF-1\nF-2\n")
        self.open("products?q=F")
        browser.until_text("#count", "2 of 2")
        browser.find("#new").send_keys(Keys.ENTER)
        browser.press("G-1", Keys.ENTER)
        browser.until_text("#toast", "Saved G-1. The filter hides it.")
        browser.find("#act").send_keys(Keys.ENTER)
        browser.until_text("#count", "3 products")
        self.open("products?q=F")
        browser.until_text("#count", "2 of 3")
        browser.find("#delete-all").send_keys(Keys.ENTER)
        browser.until_text("#delete-word", "delete 3")
        browser.press("delete 3", Keys.ENTER)
        browser.until_text("#no-match", "Nothing matches")
        browser.find("input[name=q]").send_keys("x")
        browser.until_text("#count", "0 of 0")

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
        # Who guesses on is told how long to wait, on the same page.
        while not (wait := re.search("Too many wrong answers. Try again in ([0-9]+) second", browser.text("#login-error"))):
            browser.find("#password").send_keys("wrong", Keys.ENTER)
            browser.until(lambda: browser.find("#password").get_attribute("value") == "", "the answer")
        time.sleep(int(wait.group(1)))
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
        url.send_keys(Keys.ENTER)
        browser.until_text("#url-error", "such as https://example.com/webhook")
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
