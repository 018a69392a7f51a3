// One product as a row of the table, whose cells are edited in place; and the row in which a new one is made.

import { exact, relative } from "./format.js";
import { element } from "./row.js";
import { ask, refusalWords } from "./server.js";

const names = { sku: "SKU", name: "Name", description: "Description" };
let lastError = 0;

function field(key, value) {
  const made = document.createElement(key === "description" ? "textarea" : "input");
  if (key === "description") made.rows = 3;
  made.className = "edit";
  made.value = value;
  made.spellcheck = false;
  made.autocomplete = "off";
  made.ariaLabel = names[key];
  return made;
}

/** Shows under a field what is wrong with it; an empty text takes it away. */
function complain(input, text) {
  input.nextElementSibling?.remove();
  input.removeAttribute("aria-invalid");
  input.removeAttribute("aria-describedby");
  if (!text) return;
  const error = element("p", "field-error", text);
  lastError += 1;
  error.id = `error-${lastError}`;
  error.setAttribute("role", "alert");
  input.ariaInvalid = "true";
  input.setAttribute("aria-describedby", error.id);
  input.after(error);
}

const wordsFor = (error, key) => {
  const field = error.fields?.find((one) => one.field === key);
  return field?.message ?? refusalWords(error);
};

function makeSwitch(label) {
  const made = element("button", "switch");
  made.type = "button";
  made.setAttribute("role", "switch");
  made.ariaLabel = label;
  return made;
}

function cell(label, ...content) {
  const made = element("td");
  made.dataset.label = label;
  made.append(...content);
  return made;
}

export class ProductRow {
  constructor(remove, say) {
    this.say = say;
    this.node = element("tr");
    this.cells = Object.keys(names).map((key) => new EditableCell(this, key));
    this.active = makeSwitch("Active");
    this.active.addEventListener("click", () => this.toggle());
    this.changed = element("time", "when");
    this.deleteButton = element("button", "quiet-button", "Delete");
    this.deleteButton.type = "button";
    this.deleteButton.addEventListener("click", async () => {
      this.deleteButton.disabled = true;
      await remove(this.product);
      this.deleteButton.disabled = false;
    });
    this.node.append(...this.cells.map((one) => one.node), cell("Active", this.active),
      cell("Changed", this.changed), cell("", this.deleteButton));
  }

  update(product) {
    this.product = product;
    for (const one of this.cells) one.show();
    this.active.ariaChecked = `${product.active}`;
    this.active.textContent = product.active ? "Yes" : "No";
    this.active.ariaLabel = `${product.sku} is active`;
    this.changed.textContent = relative(product.updated_at);
    this.changed.title = exact(product.updated_at);
    this.changed.dateTime = product.updated_at;
    this.deleteButton.ariaLabel = `Delete ${product.sku}`;
  }

  focus() { this.cells[0].value.focus(); }

  async save(change) {
    this.update(await ask(`api/products/${this.product.id}`, { method: "PUT", body: change }));
  }

  async toggle() {
    try {
      await this.save({ active: !this.product.active });
      this.say("");
    } catch (error) {
      this.say(`${this.product.sku}: ${wordsFor(error, "active")}`);
    }
  }
}

/** Enter or a double click edits, Enter or Tab saves, Tab goes on to the next cell, Escape takes back. */
class EditableCell {
  constructor(row, key) {
    this.row = row;
    this.key = key;
    this.value = element("button", `value ${key}`);
    this.value.type = "button";
    this.value.addEventListener("dblclick", () => this.edit());
    // A key press arrives as a click without a count.
    this.value.addEventListener("click", (event) => { if (event.detail === 0) this.edit(); });
    this.node = cell(names[key], this.value);
  }

  show() {
    const text = this.row.product[this.key];
    this.value.textContent = text === "" ? "–" : text;
    this.value.classList.toggle("blank", text === "");
    this.value.title = "Double-click or press Enter to edit";
    if (text === "") this.value.ariaLabel = `No ${names[this.key].toLowerCase()}`;
    else this.value.removeAttribute("aria-label");
  }

  edit() {
    if (this.input) return;
    this.input = field(this.key, this.row.product[this.key]);
    this.value.hidden = true;
    this.node.append(this.input);
    this.input.focus();
    this.input.select();
    this.input.addEventListener("keydown", (event) => this.keyPressed(event));
    this.input.addEventListener("blur", () => this.finish());
  }

  keyPressed(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      this.close();
      this.value.focus();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.finish().then((isSaved) => { if (isSaved) this.value.focus(); });
    } else if (event.key === "Tab") {
      const next = this.row.cells[this.row.cells.indexOf(this) + (event.shiftKey ? -1 : 1)];
      if (!next) return;
      event.preventDefault();
      this.finish().then((isSaved) => { if (isSaved) next.edit(); });
    }
  }

  /** Saves what was changed. Leaving the cell by another way saves, too. */
  async finish() {
    if (!this.input || this.isSaving) return false;
    const text = this.input.value;
    // A text area turns all line breaks into one kind; what was not touched is not written.
    if (text === this.row.product[this.key] || text === this.row.product[this.key].replace(/\r\n?/g, "\n")) {
      this.close();
      return true;
    }
    this.isSaving = true;
    try {
      await this.row.save({ [this.key]: text });
      this.close();
      return true;
    } catch (error) {
      if (this.input) complain(this.input, wordsFor(error, this.key));
      return false;
    } finally {
      this.isSaving = false;
    }
  }

  close() {
    const { input } = this;
    this.input = null;
    input?.nextElementSibling?.remove();
    input?.remove();
    this.value.hidden = false;
  }
}

export class NewProductRow {
  constructor(made, cancelled) {
    this.made = made;
    this.cancelled = cancelled;
    this.node = element("tr", "new");
    this.inputs = Object.fromEntries(Object.keys(names).map((key) => [key, field(key, "")]));
    this.active = makeSwitch("Active");
    this.active.ariaChecked = "true";
    this.active.textContent = "Yes";
    this.active.addEventListener("click", () => {
      this.active.ariaChecked = this.active.ariaChecked === "true" ? "false" : "true";
      this.active.textContent = this.active.ariaChecked === "true" ? "Yes" : "No";
    });
    const save = element("button", "primary", "Save");
    save.type = "button";
    save.addEventListener("click", () => this.save());
    const cancel = element("button", "quiet-button", "Cancel");
    cancel.type = "button";
    cancel.addEventListener("click", () => this.cancel());
    const buttons = element("div", "new-end");
    buttons.append(save, cancel);
    const last = cell("", buttons);
    last.colSpan = 2;
    this.node.append(...Object.entries(this.inputs).map(([key, input]) => cell(names[key], input)),
      cell("Active", this.active), last);
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.cancel();
      if (event.key === "Enter" && event.target.matches("input")) this.save();
    });
  }

  focus() { this.inputs.sku.focus(); }

  cancel() {
    this.node.remove();
    this.cancelled();
  }

  async save() {
    const body = { active: this.active.ariaChecked === "true" };
    for (const [key, input] of Object.entries(this.inputs)) {
      complain(input, "");
      body[key] = input.value;
    }
    try {
      const product = await ask("api/products", { method: "POST", body });
      this.node.remove();
      await this.made(product);
    } catch (error) {
      const wrong = error.fields?.length ? error.fields : [{ field: "sku" }];
      for (const one of wrong) complain(this.inputs[one.field] ?? this.inputs.sku, wordsFor(error, one.field));
      (this.inputs[wrong[0].field] ?? this.inputs.sku).focus();
    }
  }
}
