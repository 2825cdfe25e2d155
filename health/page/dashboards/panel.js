// One panel: its title, what it means, and its drawing. It asks for its values while it is in sight.
import { fill, span } from "../elements.js";
import * as address from "./address.js";
import { Bands } from "./bands.js";
import { Bars, Figure } from "./figures.js";
import { Listing } from "./listing.js";
import { Trouble, ask } from "./requests.js";
import { TimeSeries } from "./timeseries.js";

const DRAWINGS = { timeseries: TimeSeries, stat: Figure, bargauge: Bars, table: Listing, "state-timeline": Bands };
const POINTS = { least: 60, most: 1000 };

export class Panel {
  constructor({ panel, where, only, key }, page) {
    Object.assign(this, { panel, only, key, page, drawing: null, drawn: "", wanted: "", asked: null, seen: false, data: null });
    this.title = only ? panel.title.replaceAll(`$${only.name}`, only.value) : panel.title;
    this.body = span("div", { class: "body" });
    this.element = span("section", { class: `panel ${panel.kind}`, "aria-label": this.title, "data-panel": key, "data-state": "waiting" }, this.head(), this.body);
    for (const [name, value] of Object.entries(where)) this.element.style.setProperty(`--${name}`, String(name === "x" || name === "y" ? value + 1 : value));
    this.element.style.setProperty("--medium", where.w <= 6 && panel.kind === "stat" ? "12" : "24");
  }

  head() {
    const { panel, page, key } = this;
    const tip = `about-${key}`;
    const about = span("span", { class: "about", tabindex: "0", role: "button", "aria-label": "What this is", "aria-describedby": tip }, "i", span("span", { id: tip, role: "tooltip" }, panel.description));
    const large = span("button", { type: "button", class: "large", "aria-label": `${this.title}: alone, or with the others`, title: "Alone, or with the others" }, "⤢");
    large.addEventListener("click", () => page.alone(key));
    return span("header", {}, span("h3", { title: this.title }, this.title), about, span("span", { class: "tools" }, ...this.elsewhere(), large));
  }

  elsewhere() {
    const link = this.page.grafana(this.panel.id);
    return link ? [span("a", { href: link, target: "_blank", rel: "noopener noreferrer", title: "The same in Grafana", "aria-label": `${this.title} in Grafana` }, "↗")] : [];
  }

  get path() {
    const [from, to] = this.page.range;
    const points = Math.max(POINTS.least, Math.min(POINTS.most, Math.round((this.element.clientWidth || 400) / 2)));
    const times = new URLSearchParams({ from, to, points });
    return `${address.base}/${address.uid}/panels/${this.panel.id}?${times}&${address.chosen(this.page.state, this.only)}`;
  }

  // Ask for what the page shows now, unless that was done.
  async load() {
    if (!this.seen || this.wanted === this.page.version) return;
    this.wanted = this.page.version;
    this.asked?.abort();
    this.asked = new AbortController();
    const { range } = this.page;
    try {
      const data = await ask(this.path, this.asked.signal);
      this.page.heard(this.key);
      this.show(data, range);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Trouble)) throw error;
      this.fail(error.message);
      this.page.failed(this.key, error.message);
    }
  }

  show(data, range) {
    data.series.sort((one, other) => one.query - other.query || one.legend.localeCompare(other.legend, undefined, { numeric: true }));
    this.data = [data, range];
    const isEmpty = !data.series.some((one) => (one.values ? one.values.some((value) => value !== null) : one.value !== null));
    if (isEmpty) this.note("empty", this.panel.empty || "No data");
    else {
      if (!this.drawing) this.body.replaceChildren();
      this.drawing ??= new DRAWINGS[this.panel.kind](this.body, this.panel, this.page);
      this.drawing.draw(data, range);
      this.element.dataset.state = "drawn";
    }
  }

  note(state, text) {
    this.drawing?.close?.();
    this.drawing = null;
    fill(this.body, [span("p", { class: "note" }, text)]);
    this.element.dataset.state = state;
  }

  // The old drawing stays, grey.
  fail(text) {
    this.wanted = "";
    if (this.drawing || this.element.dataset.state === "empty") this.element.dataset.state = "old";
    else if (this.element.dataset.state !== "old") this.note("failed", text);
  }

  again() {
    if (this.drawing && this.data) this.drawing.draw(...this.data);
  }

  forget() {
    this.asked?.abort();
    this.drawing?.close?.();
  }
}
