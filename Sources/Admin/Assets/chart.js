// Two small charts of the newest imports, oldest at the left: rows, and how long each took. Plain SVG, the numbers in
// the bars' titles and in words beside them.

import { duration, number } from "./format.js";
import { element, isEnd } from "./row.js";
import { ask } from "./server.js";

const shown = 40;
const height = 48;
const step = 10;

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function title(text) {
  const made = svg("title", {});
  made.textContent = text;
  return made;
}

function chart(heading, imports, value, words) {
  const largest = Math.max(...imports.map(value), 0);
  const bars = imports.map((progress, index) => {
    const size = largest > 0 ? Math.max(1, height * value(progress) / largest) : 1;
    return svg("rect", {
      class: `chart-bar ${progress.state}`, x: index * step + 1, y: height - size, width: step - 2, height: size,
    }, title(`${progress.file}: ${words(value(progress))}`));
  });
  const picture = svg("svg", {
    class: "chart", viewBox: `0 0 ${shown * step} ${height}`, role: "img",
    "aria-label": `${heading} of the newest ${number(imports.length)} imports, at most ${words(largest)}`,
  }, ...bars);
  const figure = element("figure", "chart-figure");
  const caption = element("figcaption", "", heading);
  caption.append(element("span", "lead", ` at most ${words(largest)}`));
  figure.append(caption, picture);
  return figure;
}

const seconds = (progress) => Math.max(0, (new Date(progress.finished_at) - new Date(progress.started_at ?? progress.received_at)) / 1000);

let drawn = "";

/** Draws the charts anew when another import has ended. They need at least two imports to tell anything. */
export async function drawCharts(place) {
  const answer = await ask(`api/imports?page=1&per_page=${shown}`);
  const imports = answer.items.filter((progress) => isEnd(progress) && progress.id).reverse();
  const key = imports.map((progress) => progress.id).join();
  if (key === drawn) return;
  drawn = key;
  place.hidden = imports.length < 2;
  place.replaceChildren(
    chart("Rows per import", imports, (progress) => progress.rows.read, (value) => `${number(value)} rows`),
    chart("Time per import", imports, seconds, duration),
  );
}
