// Uploads: the whole page takes a drop, the button a choice. Each file has a line from the moment it is chosen, which
// shows how much of it has been sent; then its import's row takes over.

import { size } from "./format.js";
import { element } from "./row.js";
import { at } from "./server.js";

const area = document.getElementById("drop");
const input = document.getElementById("file");
const dryRun = document.getElementById("dry-run");
const list = document.getElementById("uploads");

class Upload {
  /** - isPreview: as it was when the file was chosen; the box may be changed while the file waits. */
  constructor(file, isPreview) {
    this.file = file;
    this.isPreview = isPreview;
    this.node = element("li", "upload");
    this.bar = document.createElement("progress");
    this.bar.max = 1;
    this.bar.value = 0;
    this.bar.hidden = true;
    this.bar.ariaLabel = `Sending ${file.name}`;
    this.state = element("span", "upload-state", "Waiting to be sent");
    this.button = element("button", "quiet-button", "Cancel");
    this.button.type = "button";
    this.button.ariaLabel = `Do not send ${file.name}`;
    this.button.addEventListener("click", () => this.takeBack());
    this.node.append(element("span", "file", file.name), ...(isPreview ? [element("span", "tag", "Preview")] : []),
      this.bar, this.state, this.button);
    list.append(this.node);
  }

  takeBack() {
    this.node.remove();
    this.request?.abort();
  }

  /** - accepted: called with the server's answer. */
  async run(accepted) {
    if (!this.node.isConnected) return;
    try {
      const answer = await this.send();
      this.node.remove();
      if (answer) accepted(answer);
    } catch (error) {
      this.fail(error.message);
    }
  }

  /** fetch cannot tell how much has been sent; XMLHttpRequest can. */
  send() {
    this.bar.hidden = false;
    this.state.textContent = `Sending ${size(this.file.size)}`;
    const form = new FormData();
    form.append("dry_run", this.isPreview);
    form.append("file", this.file);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.upload.onprogress = ({ loaded, total }) => {
        this.bar.value = total > 0 ? loaded / total : 0;
        this.state.textContent = loaded < total ? `${size(loaded)} of ${size(total)}` : "Storing";
      };
      request.onload = () => {
        let answer = {};
        try { answer = JSON.parse(request.responseText); } catch { /* said below */ }
        if (request.status === 202) resolve(answer);
        else reject(new Error(answer.detail ?? `The server answered ${request.status}.`));
      };
      request.onerror = () => reject(new Error("The connection broke off. Send the file again."));
      request.onabort = () => resolve(null);
      request.open("POST", at("upload"));
      request.setRequestHeader("accept", "application/json");
      request.send(form);
    });
  }

  fail(message) {
    this.bar.remove();
    this.node.classList.add("failed");
    this.state.textContent = message;
    this.state.setAttribute("role", "alert");
    this.button.textContent = "Close";
    this.button.ariaLabel = `Close ${this.file.name}`;
  }
}

/** - accepted: called for each upload that the server has taken, with its answer. */
export function takeUploads(accepted) {
  // One after the other: they are imported one after the other, too, in this order.
  let queue = Promise.resolve();
  const take = (files) => {
    for (const file of files) {
      const upload = new Upload(file, dryRun.checked);
      queue = queue.then(() => upload.run(accepted));
    }
  };
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  const hasFiles = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
  let depth = 0;
  const shade = (change) => {
    depth = Math.max(0, depth + change);
    area.classList.toggle("over", depth > 0);
  };
  addEventListener("dragenter", (event) => { if (hasFiles(event)) shade(1); });
  addEventListener("dragleave", (event) => { if (hasFiles(event)) shade(-1); });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    shade(0);
    take([...event.dataTransfer.files]);
  });
  // Leaving the page would lose what is not sent yet.
  addEventListener("beforeunload", (event) => {
    if (list.querySelector(".upload:not(.failed)")) event.preventDefault();
  });
}
