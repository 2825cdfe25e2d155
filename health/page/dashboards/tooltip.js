// One box for the whole page, beside the pointer: a time, what happened then, and the values, largest first.
import { fill, span } from "../elements.js";
import { moment } from "./units.js";

const box = span("div", { id: "tooltip", role: "presentation", hidden: "" });

export function showTip({ time, lines, total = "", events = [] }, { x, y }) {
  if (!box.isConnected) document.body.append(box);
  fill(box, [
    span("p", { class: "time" }, time === null ? "" : moment(time * 1000)),
    ...events.map((event) => span("p", { class: "event" }, swatch(event.colour), `${event.name}: ${event.title}`)),
    ...(lines.length ? [span("table", {}, span("tbody", {}, ...lines.map(line)))] : []),
    ...(total ? [span("p", { class: "total" }, "all together ", span("b", {}, total))] : []),
  ]);
  box.hidden = false;
  const left = x + 18 + box.offsetWidth < innerWidth ? x + 18 : Math.max(4, x - 18 - box.offsetWidth);
  box.style.left = `${left}px`;
  box.style.top = `${Math.max(4, Math.min(y + 12, innerHeight - box.offsetHeight - 4))}px`;
}

export function hideTip() {
  box.hidden = true;
}

export function swatch(colour) {
  const mark = span("i", { class: "swatch", "aria-hidden": "true" });
  mark.style.background = colour;
  return mark;
}

function line({ colour, name, text, near }) {
  return span("tr", near ? { class: "near" } : {}, span("th", {}, swatch(colour), name), span("td", {}, text));
}
