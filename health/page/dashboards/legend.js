// Below a drawing: each series with its last and its highest value. A click shows it alone, with Ctrl it goes or comes.
import { span } from "../elements.js";
import { swatch } from "./tooltip.js";

export function legend({ series, hidden, text, toggle }) {
  const head = span("thead", {}, span("tr", {}, span("th", { scope: "col" }, "series"), span("th", { scope: "col" }, "last"), span("th", { scope: "col" }, "max")));
  const rows = series.map((one, index) => row(one, index, hidden, text, toggle));
  return span("div", { class: "legend", tabindex: "0", role: "region", "aria-label": "Series" }, span("table", {}, head, span("tbody", {}, ...rows)));
}

function row({ name, colour, values }, index, hidden, text, toggle) {
  const shown = !hidden.has(index);
  const button = span("button", { type: "button", "aria-pressed": String(shown), title: "Click: this one alone. Ctrl and click: hide or show it." }, swatch(colour), name);
  button.addEventListener("click", (event) => toggle(index, event.ctrlKey || event.metaKey || event.shiftKey));
  const numbers = values.filter((value) => value !== null);
  const most = numbers.length ? numbers.reduce((one, other) => Math.max(one, other)) : null;
  return span("tr", shown ? {} : { class: "off" }, span("th", { scope: "row" }, button), span("td", {}, text(latest(values))), span("td", {}, text(most)));
}

// The last value there is.
export function latest(values) {
  return values.findLast((value) => value !== null) ?? null;
}

// The hidden ones after a click on one of them.
export function toggled(hidden, index, count, alone) {
  if (!alone) {
    const changed = new Set(hidden);
    if (!changed.delete(index)) changed.add(index);
    return changed.size === count ? new Set() : changed;
  }
  const others = Array.from({ length: count }, (_, other) => other).filter((other) => other !== index);
  const isAlone = !hidden.has(index) && others.every((other) => hidden.has(other));
  return isAlone ? new Set() : new Set(others);
}
