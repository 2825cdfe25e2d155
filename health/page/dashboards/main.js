// A page of panels: what it shows comes from the service (its model), what was chosen from the address.
import { fill, span } from "../elements.js";
import * as address from "./address.js";
import * as choices from "./choices.js";
import * as colours from "./colours.js";
import { Panel } from "./panel.js";
import { placed } from "./placement.js";
import { Trouble, ask } from "./requests.js";
import * as theme from "./theme.js";
import { moment } from "./units.js";

const find = (id) => document.getElementById(id);
const MARGIN = "250px";
const LONGEST = 15 * 86400;

class Page {
  constructor() {
    Object.assign(this, { state: address.read(), model: null, values: {}, panels: new Map(), colours: new Map(), happened: [], version: "", last: Date.now(), since: 0, faults: new Map() });
    this.range = address.span(this.state);
    this.sight = new IntersectionObserver((entries) => entries.forEach((entry) => this.saw(entry)), { rootMargin: MARGIN });
  }

  async start() {
    theme.apply();
    this.listen();
    for (;;) {
      try {
        this.model = await ask(`${address.base}/${address.uid}/model`);
        this.heard("model");
        break;
      } catch (error) {
        if (!(error instanceof Trouble)) throw error;
        this.failed("model", error.message);
        await new Promise((resolve) => setTimeout(resolve, 5000));
      }
    }
    document.title = `${this.model.title} (PODS dashboards)`;
    fill(find("title"), [this.model.title.replace(/^PODS \/ /, "")]);
    find("title").title = this.model.description;
    address.write(this.state, { push: false });
    await this.choose();
    this.update();
  }

  listen() {
    addEventListener("popstate", () => this.reread());
    addEventListener("click", choices.closeBoxes);
    find("controls").addEventListener("toggle", ({ target }) => { if (!target.open && this.model) this.header(); }, true);
    document.addEventListener("visibilitychange", () => this.tick());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint());
    find("controls").addEventListener("submit", (event) => event.preventDefault());
    setInterval(() => this.tick(), 1000);
  }

  owner(element) {
    return this.panels.get(element.closest("[data-panel]")?.dataset.panel);
  }

  saw({ target, isIntersecting }) {
    const panel = this.owner(target);
    if (!panel) return;
    panel.seen = isIntersecting;
    panel.load();
  }

  // The values that can be chosen now; without an answer, those that were. What was chosen meanwhile has its own.
  async choose() {
    const { state } = this;
    const [from, to] = address.span(state);
    try {
      const values = await ask(`${address.base}/${address.uid}/choices?${address.chosen(state)}&from=${from}&to=${to}`);
      if (this.state === state) this.values = values;
      this.heard("choices");
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      this.failed("choices", error.message);
    }
  }

  // Nodes come and go while the page is open, and at another time there were others.
  async follow() {
    const known = JSON.stringify(this.values);
    await this.choose();
    if (JSON.stringify(this.values) === known) return;
    this.header();
    this.build();
  }

  // Everything anew but what stands already: after a choice, a step back, or with time.
  update() {
    this.range = address.span(this.state);
    this.version = `${this.range}?${address.query(this.state)}`;
    this.last = Date.now();
    this.header();
    this.build();
    this.askMarks();
    for (const panel of this.panels.values()) panel.load();
  }

  header() {
    const { model, state } = this;
    const links = model.pages.map(({ uid, title }) => {
      const link = span("a", { href: `${address.base}/${uid}?${address.query(state, { page: true })}` }, title.replace(/^PODS \/ /, ""));
      if (uid === address.uid) link.setAttribute("aria-current", "page");
      return link;
    });
    fill(find("pages"), links);
    // a box that is open stays: what is chosen in it goes on; the others follow once it is closed
    if (!document.querySelector("details.opening[open]")) this.controls();
  }

  controls() {
    const { model, state } = this;
    const focused = [...document.querySelectorAll("#controls summary")].indexOf(document.activeElement);
    fill(find("variables"), model.variables.map((one) => choices.variable(one, this.values[one.name] ?? [], state.variables[one.name] ?? [], (name, values) => this.vary(name, values))));
    choices.times(find("times"), state, this.range, {
      range: (from, to) => this.change({ from, to }),
      refresh: (refresh) => this.change({ refresh }),
      back: () => history.back(),
      out: () => this.widen(),
      now: () => this.renew(),
      theme: () => this.switchTheme(),
    });
    document.querySelectorAll("#controls summary")[focused]?.focus();
  }

  build() {
    const shown = this.model.rows.map((row) => [row, placed(row.panels, this.chosen()).filter(({ key }) => !this.state.panel || key === this.state.panel)]).filter(([, panels]) => panels.length);
    const layout = JSON.stringify(shown.map(([row, panels]) => [row.title, panels.map(({ key, where }) => [key, where])]));
    if (layout === this.layout) return this.fold();
    this.layout = layout;
    for (const panel of this.panels.values()) panel.forget();
    this.faults.clear();
    this.sight.disconnect();
    this.panels = new Map();
    document.body.classList.toggle("alone", Boolean(this.state.panel));
    fill(find("rows"), shown.map(([row, panels]) => this.row(row.title, panels)));
    for (const panel of this.panels.values()) this.sight.observe(panel.element);
  }

  row(title, panels) {
    const made = panels.map((one) => new Panel(one, this));
    made.forEach((panel) => this.panels.set(panel.key, panel));
    const element = span("details", { class: "row", "data-row": title }, span("summary", {}, span("h2", {}, title)), span("div", { class: "grid" }, ...made.map((panel) => panel.element)));
    element.open = !this.state.closed.has(title) || Boolean(this.state.panel);
    element.firstElementChild.addEventListener("click", () => {
      if (element.open) this.state.closed.add(title);
      else this.state.closed.delete(title);
      address.write(this.state, { push: false });
    });
    return element;
  }

  fold() {
    for (const row of document.querySelectorAll("details.row")) row.open = !this.state.closed.has(row.dataset.row) || Boolean(this.state.panel);
  }

  // For each variable the values that are chosen, all where none is.
  chosen() {
    return Object.fromEntries(Object.entries(this.values).map(([name, all]) => {
      const some = (this.state.variables[name] ?? []).filter((value) => all.includes(value));
      return [name, some.length ? some : all];
    }));
  }

  async askMarks() {
    const [from, to] = this.range;
    try {
      this.happened = await ask(`${address.base}/${address.uid}/marks?${address.chosen(this.state)}&from=${from}&to=${to}`);
      this.repaint();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
    }
  }

  marks() {
    return this.happened;
  }

  // The colour of a series of one panel: the same in each of its repetitions, and as long as the page is open.
  colour(id, name) {
    const known = this.colours.get(id) ?? new Map();
    this.colours.set(id, known);
    if (!known.has(name)) known.set(name, known.size);
    return known.get(name);
  }

  grafana(id) {
    const { grafana } = this.model;
    return /^https?:/.test(grafana ?? "") ? `${grafana}?viewPanel=${id}&${address.query(this.state, { page: true })}` : "";
  }

  change(what) {
    this.state = { ...this.state, ...what };
    address.write(this.state);
    for (const one of document.querySelectorAll("details.opening[open]")) one.open = false;
    this.update();
    this.follow();
  }

  async vary(name, values) {
    this.state = { ...this.state, variables: { ...this.state.variables, [name]: values } };
    address.write(this.state);
    await this.choose();
    this.update();
  }

  alone(key) {
    this.change({ panel: this.state.panel === key ? "" : key });
  }

  zoom(from, to) {
    if (to - from < 10) return;
    this.change({ from: String(Math.round(from * 1000)), to: String(Math.round(to * 1000)) });
  }

  widen() {
    const [from, to] = this.range;
    const half = Math.min((to - from) / 2, (LONGEST - (to - from)) / 2);
    if (half <= 0) return;
    const end = Math.min(to + half, Math.floor(Date.now() / 1000));
    this.change({ from: String(Math.round((end - (to - from) - 2 * half) * 1000)), to: String(Math.round(end * 1000)) });
  }

  async reread() {
    this.state = address.read();
    await this.choose();
    this.update();
  }

  async renew() {
    await this.choose();
    this.version = "";
    this.update();
  }

  tick() {
    this.announce();
    const pause = address.pause(this.state);
    if (!this.model || document.hidden || !pause || !address.isLive(this.state) || Date.now() - this.last < pause * 1000) return;
    this.update();
    this.follow();
  }

  switchTheme() {
    theme.change();
    this.repaint();
  }

  repaint() {
    colours.forget();
    for (const panel of this.panels.values()) if (panel.seen) panel.again();
  }

  // A pointer over one drawing is a line through all; uPlot's own follow each other by themselves.
  pointed(time) {
    for (const panel of this.panels.values()) if (panel.seen) panel.drawing?.pointed?.(time);
  }

  // ``who``: a panel's key, or what else was asked for.
  heard(who) {
    this.faults.delete(who);
    this.announce();
  }

  failed(who, text) {
    if (!this.faults.size) this.since = Date.now();
    this.faults.delete(who);
    this.faults.set(who, text);
    this.announce();
  }

  announce() {
    const line = find("trouble");
    line.hidden = !this.faults.size;
    const fault = [...this.faults.values()].pop();
    const text = fault ? `Not up to date since ${moment(this.since).slice(11)}: ${fault}` : "";
    if (line.textContent !== text) line.textContent = text;
  }
}

const page = new Page();
page.start();
