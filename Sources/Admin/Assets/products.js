// The list of products. The address always holds the view: filters, order, page and page size.

import { number, plural } from "./format.js";
import { ProductRow, NewProductRow } from "./product-row.js";
import { ask, at, refusalWords, words } from "./server.js";

const find = (id) => document.getElementById(id);
const filters = find("filters");
const fields = ["q", "sku", "name", "description", "active"];
const standard = { page: "1", per_page: "25", sort: "-id" };
const typingPause = 200;
const toastTime = 8000;
/** So long after a row has moved, a click may have been meant for the one that stood there. */
const settlingTime = 700;

let view = readAddress();
let answer = null;
/** How many products there are without any filter; null when not known. */
let everything = null;
let loading = new AbortController();
let newRow = null;
const rows = new Map();

// --- The view and its address

function readAddress() {
  const query = new URLSearchParams(location.search);
  const found = { ...standard };
  for (const name of [...fields, ...Object.keys(standard)]) if (query.get(name)) found[name] = query.get(name);
  return found;
}

function queryOf(names) {
  const query = new URLSearchParams();
  for (const name of names) if (view[name] && view[name] !== standard[name]) query.set(name, view[name]);
  return query;
}

function go(change, { replace = false } = {}) {
  view = { ...view, ...change };
  const query = queryOf([...fields, ...Object.keys(standard)]).toString();
  history[replace ? "replaceState" : "pushState"](null, "", query ? `?${query}` : location.pathname);
  showControls();
  return load();
}

function showAll() {
  endToast();
  go({ ...Object.fromEntries(fields.map((name) => [name, ""])), page: "1" });
  filters.elements.q.focus();
}

const isFiltered = () => fields.some((name) => view[name]);

/** What somebody is typing into is left alone, unless the view came from elsewhere. */
function showControls({ all = false } = {}) {
  for (const name of fields) {
    const field = filters.elements[name];
    if (all || document.activeElement !== field) field.value = view[name] ?? "";
  }
  if (view.sku || view.name || view.description) find("more").open = true;
  const size = find("per-page");
  if (![...size.options].some((option) => option.value === view.per_page)) size.add(new Option(view.per_page));
  size.value = view.per_page;
  const query = queryOf([...fields, "sort"]).toString();
  find("export").href = at(`api/products.csv${query ? `?${query}` : ""}`);
  for (const head of document.querySelectorAll("th[data-key]")) {
    const isKey = view.sort.replace("-", "") === head.dataset.key;
    if (isKey) head.ariaSort = view.sort.startsWith("-") ? "descending" : "ascending";
    else head.removeAttribute("aria-sort");
  }
}

// --- Loading

async function load() {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  find("table").setAttribute("aria-busy", "true");
  try {
    const query = queryOf([...fields, "sort"]);
    query.set("page", view.page);
    query.set("per_page", view.per_page);
    answer = await ask(`api/products?${query}`, { signal });
    if (!isFiltered()) everything = answer.total;
    else if (everything === null) everything = (await ask("api/products?per_page=1", { signal })).total;
    if (answer.page > answer.pages) return go({ page: `${answer.pages}` }, { replace: true });
    say("");
    show();
  } catch (error) {
    if (error.name === "AbortError") return;
    say(words(error));
  }
  find("table").removeAttribute("aria-busy");
}

/** Rows that stay keep their place in the document, and with it what is being edited in them. */
function show() {
  const body = find("rows");
  const present = new Set(answer.items.map((product) => product.id));
  let hasMoved = false;
  for (const [id, row] of rows) {
    if (present.has(id)) continue;
    row.node.remove();
    rows.delete(id);
    hasMoved = true;
  }
  const offset = newRow ? 1 : 0;
  answer.items.forEach((product, index) => {
    const row = rows.get(product.id) ?? new ProductRow(remove, say);
    rows.set(product.id, row);
    row.update(product);
    const there = body.children[index + offset];
    if (there === row.node) return;
    body.insertBefore(row.node, there ?? null);
    hasMoved = true;
  });
  if (hasMoved) settle();
  const { total, page, pages } = answer;
  find("count").textContent = isFiltered() ? `${number(total)} of ${number(everything)}` : plural(total, "product");
  find("empty").hidden = total > 0 || isFiltered() || newRow !== null;
  find("no-match").hidden = total > 0 || !isFiltered();
  find("table").hidden = total === 0 && newRow === null;
  find("delete-all").disabled = everything === 0;
  find("pager").hidden = total === 0;
  find("place").textContent = `Page ${number(page)} of ${number(pages)}`;
  find("previous").disabled = page <= 1;
  find("next").disabled = page >= pages;
}

let settling;

/** Until the list has settled, no click deletes. */
function settle() {
  find("table").dataset.settling = "";
  clearTimeout(settling);
  settling = setTimeout(() => { delete find("table").dataset.settling; }, settlingTime);
}

function say(text) {
  find("notice").textContent = text;
  find("notice").hidden = text === "";
}

// --- Making and deleting

function startNew() {
  if (!newRow) {
    newRow = new NewProductRow(async (product) => {
      newRow = null;
      everything = null;
      await go({ page: "1", sort: "-id" });
      if (rows.has(product.id)) return rows.get(product.id).focus();
      if (!isFiltered()) return;
      toast(`Saved ${product.sku}. The filter hides it.`, "Show all products", showAll);
      find("act").focus();
    }, () => {
      newRow = null;
      if (answer) show();
      find("new").focus();
    });
    find("table").hidden = false;
    find("empty").hidden = true;
    find("rows").prepend(newRow.node);
  }
  newRow.focus();
}

/** What was deleted while the toast is shown, and where the last one stood. */
let deleted = [];
let place = 0;

async function remove(product) {
  try {
    await ask(`api/products/${product.id}`, { method: "DELETE" });
  } catch (error) {
    return say(refusalWords(error));
  }
  place = [...find("rows").children].indexOf(rows.get(product.id)?.node);
  deleted.push(product);
  everything = null;
  offerUndo();
  await load();
  find("act").focus();
}

function offerUndo() {
  const what = deleted.length === 1 ? deleted[0].sku : plural(deleted.length, "product");
  toast(`Deleted ${what}.`, "Undo", undo);
}

/** Makes them again, the oldest first. What cannot be made again can be tried once more. */
async function undo() {
  const refused = [];
  let made = null;
  let reason = "";
  for (const product of endToast()) {
    const { sku, name, description, active } = product;
    try {
      made = await ask("api/products", { method: "POST", body: { sku, name, description, active } });
    } catch (error) {
      refused.push(product);
      reason = `${sku}: ${refusalWords(error)}`;
    }
  }
  everything = null;
  await load();
  if (refused.length > 0) {
    deleted = refused;
    say(reason);
    offerUndo();
  }
  focusRow(rows.get(made?.id));
}

// --- The toast

let toastTimer;
let act = null;

/** Says what was done, and offers for a while what can be done about it. */
function toast(text, label, action) {
  act = action;
  find("toast").firstElementChild.textContent = text;
  find("act").textContent = label;
  find("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(endToast, toastTime);
}

/** Gives back what can no longer be undone from now on; and the focus to where the work goes on. */
function endToast() {
  clearTimeout(toastTimer);
  const hadFocus = find("toast").contains(document.activeElement);
  find("toast").hidden = true;
  if (hadFocus) focusRow();
  const ended = deleted;
  deleted = [];
  return ended;
}

/** The row given, or the one that stands where the last one was deleted. */
function focusRow(row) {
  const near = [...find("rows").children].at(Math.min(place, rows.size - 1));
  const target = row ?? [...rows.values()].find(({ node }) => node === near);
  if (target) target.focus();
  else find("new").focus();
}

// --- Deleting all

const dialog = find("delete-dialog");
const plain = (text) => text.toLowerCase().replace(/[^a-z0-9]/g, "");

async function askToDeleteAll() {
  try {
    everything = (await ask("api/products?per_page=1")).total;
  } catch (error) {
    return say(words(error));
  }
  find("delete-word").textContent = `delete ${number(everything)}`;
  find("delete-input").value = "";
  find("delete-error").textContent = "";
  find("delete-confirm").disabled = true;
  dialog.showModal();
  find("delete-input").focus();
}

async function deleteAll(event) {
  event.preventDefault();
  if (plain(find("delete-input").value) !== plain(find("delete-word").textContent)) return;
  find("delete-confirm").disabled = true;
  try {
    const { deleted: count } = await ask("api/products", { method: "DELETE" });
    everything = null;
    dialog.close();
    await go({ page: "1" });
    find("count").textContent = `Deleted ${plural(count, "product")}.`;
  } catch (error) {
    find("delete-error").textContent = refusalWords(error);
    find("delete-confirm").disabled = false;
  }
}

// --- Events

let typing;
filters.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const change = Object.fromEntries(fields.map((name) => [name, filters.elements[name].value]));
    go({ ...change, page: "1" }, { replace: true });
  }, typingPause);
});
filters.addEventListener("submit", (event) => event.preventDefault());
find("clear").addEventListener("click", showAll);
for (const head of document.querySelectorAll("th[data-key]")) {
  head.firstElementChild.addEventListener("click", () => {
    const { key } = head.dataset;
    const next = view.sort === key ? `-${key}` : view.sort === `-${key}` ? "-id" : key;
    go({ sort: next, page: "1" });
  });
}
find("previous").addEventListener("click", () => go({ page: `${answer.page - 1}` }));
find("next").addEventListener("click", () => go({ page: `${answer.page + 1}` }));
find("per-page").addEventListener("change", (event) => go({ per_page: event.target.value, page: "1" }));
find("new").addEventListener("click", startNew);
find("act").addEventListener("click", () => act());
find("delete-all").addEventListener("click", askToDeleteAll);
find("delete-cancel").addEventListener("click", () => dialog.close());
find("delete-input").addEventListener("input", (event) => {
  find("delete-confirm").disabled = plain(event.target.value) !== plain(find("delete-word").textContent);
});
dialog.querySelector("form").addEventListener("submit", deleteAll);
addEventListener("popstate", () => {
  view = readAddress();
  showControls({ all: true });
  load();
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select, dialog")) return;
  event.preventDefault();
  filters.elements.q.focus();
  filters.elements.q.select();
});
// What an import changed meanwhile.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  everything = null;
  load();
});

showControls({ all: true });
load();
