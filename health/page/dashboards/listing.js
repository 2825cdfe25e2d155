// A table: one line for each value of the label by which the queries are joined, or for each series.
import { fill, span } from "../elements.js";
import { judged, shade } from "./colours.js";
import { format } from "./units.js";

export class Listing {
  constructor(body, panel) {
    Object.assign(this, { body, panel, order: null, falling: false });
  }

  draw({ series }) {
    this.lines = lines(this.panel.columns, series);
    this.build();
  }

  build() {
    const heads = this.panel.columns.map((column, index) => this.head(column, index));
    const rows = this.sorted().map((line) => span("tr", {}, ...this.panel.columns.map((column, index) => cell(column, line[index]))));
    const table = span("table", {}, span("thead", {}, span("tr", {}, ...heads)), span("tbody", {}, ...rows));
    fill(this.body, [span("div", { class: "listing", tabindex: "0", role: "region", "aria-label": this.panel.title }, table)]);
  }

  head(column, index) {
    const button = span("button", { type: "button" }, column.heading);
    button.addEventListener("click", () => {
      this.falling = this.order === index ? !this.falling : column.query !== null;
      this.order = index;
      this.build();
      this.body.querySelectorAll("thead button")[index].focus();
    });
    const sorted = this.order === index ? (this.falling ? "descending" : "ascending") : "none";
    return span("th", { scope: "col", "aria-sort": sorted, class: isNumber(column) ? "number" : "" }, button);
  }

  sorted() {
    if (this.order === null) return this.lines;
    const sign = this.falling ? -1 : 1;
    return [...this.lines].sort((one, other) => sign * compared(one[this.order], other[this.order]));
  }
}

// Numbers by size, words as a person orders them, what is not there last.
function compared(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  return typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other), undefined, { numeric: true });
}

function isNumber(column) {
  return column.query !== null && !column.words.length && column.unit !== "dateTimeAsIso";
}

function lines(columns, series) {
  if (columns.every((column) => column.query === null)) return series.map((one) => columns.map((column) => one.labels[column.label] ?? ""));
  const key = columns[0].label;
  const joined = new Map();
  for (const one of series) {
    const line = joined.get(one.labels[key]) ?? columns.map(() => null);
    joined.set(one.labels[key], line);
    columns.forEach((column, index) => {
      if (column.query === one.query) line[index] = one.value;
      else if (column.query === null && column.label in one.labels) line[index] ??= one.labels[column.label];
    });
  }
  return [...joined.entries()].sort(([one], [other]) => one.localeCompare(other, undefined, { numeric: true })).map(([, line]) => line);
}

function cell(column, value) {
  if (column.query === null) return span("td", { "data-head": column.heading }, value ?? "–");
  const { text, colour } = judged(value, { words: column.words });
  const made = span("td", { "data-head": column.heading, class: isNumber(column) ? "number" : "" }, text ?? format(value, column.unit));
  if (text) made.style.color = shade(colour);
  return made;
}
