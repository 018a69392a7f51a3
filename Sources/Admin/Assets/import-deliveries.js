// The deliveries that one import caused, on the import's page.

import { DeliveryList, countWords } from "./deliveries.js";
import { ask } from "./server.js";

const section = document.getElementById("import-deliveries");
const { id } = document.getElementById("import").dataset;
const list = new DeliveryList(document.getElementById("deliveries"), () => refresh(), { showsURL: true });

async function refresh() {
  const { items, total } = await ask(`api/imports/${id}/deliveries?per_page=50`);
  list.update(items);
  section.hidden = total === 0;
  document.getElementById("deliveries-count").textContent =
    total > items.length ? `The first ${items.length} of ${countWords(total)}.` : "";
}

async function poll() {
  // Events come when the import ends, and are tried again for days.
  try {
    if (!document.hidden) await refresh();
  } catch {
    // The page's own notice says that the server does not answer.
  }
  setTimeout(poll, 3000);
}
poll();
