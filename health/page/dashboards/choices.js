// What is chosen at the top of the page: times, how often it is refreshed, and variables.
import { fill, span } from "../elements.js";
import { PRESETS, REFRESHES } from "./address.js";
import { moment } from "./units.js";

const MANY = 8;

export function select(label, entries, chosen, change) {
  const field = span("select", { "aria-label": label }, ...entries.map(([value, text]) => span("option", { value }, text)));
  field.value = chosen;
  field.addEventListener("change", () => change(field.value));
  return span("label", { class: "field" }, span("span", {}, label), field);
}

export function button(text, label, press) {
  const made = span("button", { type: "button", title: label, "aria-label": label }, text);
  made.addEventListener("click", press);
  return made;
}

// A box that opens below its button; Escape and a click elsewhere close it.
function opening(summary, label, ...children) {
  const made = span("details", { class: "opening" }, span("summary", { "aria-label": `${label}: ${summary}` }, summary), span("div", { class: "box" }, ...children));
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !made.open) return;
    made.open = false;
    made.firstElementChild.focus();
  });
  return made;
}

export function closeBoxes(event) {
  for (const one of document.querySelectorAll("details.opening[open]")) if (!one.contains(event.target)) one.open = false;
}

export function variable({ name, label, description, many }, values, chosen, change) {
  if (!many) return values.length > 1 ? select(label, values.map((value) => [value, value]), chosen[0] ?? values[0], (value) => change(name, [value])) : span("span", { class: "field", title: description }, span("span", {}, label), span("b", {}, values[0] ?? "–"));
  const box = new Choice(name, values, chosen, change);
  return span("span", { class: "field", title: description }, span("span", {}, label), opening(summary(values, chosen), label, ...box.elements));
}

function summary(values, chosen) {
  if (!chosen.length) return "all";
  return chosen.length === 1 ? chosen[0] : `${chosen.length} of ${values.length}`;
}

class Choice {
  constructor(name, values, chosen, change) {
    Object.assign(this, { name, values, chosen: new Set(chosen), change });
    this.boxes = values.map((value) => this.box(value));
    this.all = span("input", { type: "checkbox" });
    this.all.checked = !chosen.length;
    this.all.addEventListener("change", () => this.set([]));
    this.list = span("div", { class: "list" }, ...this.boxes.map(([element]) => element));
  }

  get elements() {
    const all = span("label", { class: "all" }, this.all, "all");
    return this.values.length > MANY ? [this.search(), all, this.list] : [all, this.list];
  }

  search() {
    const field = span("input", { type: "search", placeholder: "find by name", "aria-label": "find by name", autocomplete: "off", spellcheck: "false" });
    field.addEventListener("input", () => this.boxes.forEach(([element, , value]) => { element.hidden = !value.toLowerCase().includes(field.value.trim().toLowerCase()); }));
    return field;
  }

  box(value) {
    const input = span("input", { type: "checkbox" });
    input.checked = this.chosen.has(value);
    input.addEventListener("change", () => {
      if (input.checked) this.chosen.add(value);
      else this.chosen.delete(value);
      this.set(this.values.filter((one) => this.chosen.has(one)));
    });
    return [span("label", {}, input, value), input, value];
  }

  // All of them is the same as none: then those that come later are shown too.
  set(values) {
    const chosen = values.length === this.values.length ? [] : values;
    this.chosen = new Set(chosen);
    this.boxes.forEach(([, input, value]) => { input.checked = this.chosen.has(value); });
    this.all.checked = !chosen.length;
    this.list.closest(".opening").firstElementChild.textContent = summary(this.values, chosen);
    this.change(this.name, chosen);
  }
}

export function times(element, state, range, act) {
  const relative = PRESETS.find(([word]) => `now-${word}` === state.from && state.to === "now");
  const text = relative ? `last ${relative[1]}` : state.to === "now" ? state.from : `${moment(range[0] * 1000).slice(0, 16)} – ${moment(range[1] * 1000).slice(5, 16)}`;
  const presets = PRESETS.map(([word, name]) => button(name, `last ${name}`, () => act.range(`now-${word}`, "now")));
  fill(element, [
    span("span", { class: "field" }, span("span", {}, "Time"), opening(text, "Time", span("div", { class: "presets" }, ...presets), ...absolute(range, act))),
    button("⟲", "back: what was shown before", act.back),
    button("−", "zoom out: twice the time", act.out),
    select("Refresh", REFRESHES, state.refresh, act.refresh),
    button("↻", "refresh now", act.now),
    button("◐", "light, dark, or as the system is", act.theme),
  ]);
}

function absolute(range, act) {
  const [from, to] = range.map((at) => span("input", { type: "datetime-local", step: "1", value: moment(at * 1000).replace(" ", "T") }));
  const apply = button("Show", "show these times", () => {
    const [begin, end] = [from, to].map((field) => new Date(field.value).getTime());
    const isRange = begin < end;
    to.setCustomValidity(isRange ? "" : "it must be later than the other");
    if (isRange) act.range(String(begin), String(end));
    else to.reportValidity();
  });
  return [span("label", {}, "from", from), span("label", {}, "to", to), apply];
}
