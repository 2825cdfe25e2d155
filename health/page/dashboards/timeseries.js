// Values over time: uPlot draws the lines, this module all that a dashboard wants beside them.
import { fill, span } from "../elements.js";
import { faded, resolved, seriesColour, shade } from "./colours.js";
import { legend, toggled } from "./legend.js";
import { bands, stacked, total, unseen } from "./stacking.js";
import { hideTip, showTip } from "./tooltip.js";
import { format, increments, ticks } from "./units.js";

// A drag is one drawing's own: passed on, each of the others would choose the time once more.
const FOLLOWED = new Set(["mousemove", "mouseleave"]);
const NEAR_MARK = 6;
const FLOOR = 90;
const COUNTS = new Set(["none", "short"]);
const clock = (stamp, parts) => parts.map((part) => String(stamp[part]()).padStart(2, "0")).join(":");

export class TimeSeries {
  constructor(body, panel, page) {
    Object.assign(this, { body, panel, page, hidden: new Set(), names: "", plot: null });
    this.stage = span("div", { class: "stage", tabindex: "0", role: "img", "aria-label": `${panel.title}: lines over time; the values stand below. Arrow keys move the time.` });
    this.foot = span("div", { class: "foot" });
    fill(body, [this.stage, this.foot]);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.stage);
    this.stage.addEventListener("keydown", (event) => this.move(event));
    this.stage.addEventListener("blur", hideTip);
  }

  draw({ times, series }, [from, to]) {
    const names = JSON.stringify(series.map((one) => [one.query, one.legend]));
    if (names !== this.names) this.hidden = new Set();
    this.names = names;
    this.range = [from, to];
    this.times = times;
    this.isCount = COUNTS.has(this.panel.unit) && series.every(({ values }) => values.every((value) => value === null || Number.isInteger(value)));
    this.series = series.map((one) => ({ name: one.legend, colour: seriesColour(this.page.colour(this.panel.id, `${one.query} ${one.legend}`)), values: one.values }));
    this.build();
  }

  build() {
    const { series, hidden } = this;
    const text = (value) => format(value, this.panel.unit, this.panel.decimals);
    const toggle = (index, many) => {
      this.hidden = toggled(hidden, index, series.length, !many);
      this.build();
      this.foot.querySelectorAll("button")[index]?.focus();
    };
    const scrolled = this.foot.firstElementChild?.scrollTop ?? 0;
    fill(this.foot, [legend({ series, hidden, text, toggle })]);
    this.foot.firstElementChild.scrollTop = scrolled;
    this.paint();
  }

  paint() {
    this.plot?.destroy();
    const columns = this.series.map((one) => one.values);
    this.drawn = this.panel.stacked ? unseen(columns, this.hidden) : this.hidden;
    const drawn = this.panel.stacked && columns.length ? stacked(columns, this.drawn) : columns;
    this.plot = new uPlot(this.options(), [this.times, ...drawn], this.stage);
  }

  close() {
    this.sizes.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  resize() {
    const size = this.size();
    if (this.plot && (this.plot.width !== size.width || this.plot.height !== size.height)) this.plot.setSize(size);
  }

  size() {
    return { width: Math.max(120, this.stage.clientWidth), height: Math.max(FLOOR, this.stage.clientHeight) };
  }

  options() {
    return {
      ...this.size(),
      ms: 1e-3,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      series: [{}, ...this.series.map((one, index) => this.line(one, index))],
      bands: this.panel.stacked ? bands(this.series.length, this.drawn) : [],
      scales: { x: { range: () => this.range }, y: { range: (_, least, most) => this.reach(least, most) } },
      axes: [this.timeAxis(), this.valueAxis()],
      cursor: { sync: { key: "page", setSeries: false, filters: { pub: (type) => FOLLOWED.has(type) } }, points: { size: 6 }, drag: { x: true, y: false, setScale: false }, y: false },
      hooks: { draw: [(plot) => this.overdraw(plot)], setCursor: [(plot) => this.point(plot)], setSelect: [(plot) => this.zoom(plot)] },
    };
  }

  line({ name, colour }, index) {
    const ink = resolved(colour);
    return {
      label: name,
      show: !this.drawn.has(index),
      stroke: ink,
      width: 1.4,
      fill: this.panel.stacked ? faded(ink, 0.3) : this.series.length > 2 ? undefined : faded(ink, 0.08),
      points: { show: false, size: 4, fill: ink, filter: lonely },
    };
  }

  // From what the panel says, or from what there is.
  reach(least, most) {
    const floor = this.panel.least ?? Math.min(least ?? 0, 0);
    const top = this.panel.most ?? (most > floor ? floor + (most - floor) * 1.08 : floor + 1);
    return [floor, top];
  }

  timeAxis() {
    const [ink, grid] = [resolved("var(--soft)"), resolved("var(--grid)")];
    const values = (_, splits, __, ___, gap) => splits.map((at, index) => time(at, gap, index ? splits[index - 1] : null));
    return { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, size: 4 }, size: 26, gap: 3, space: 74, font: FONT, values };
  }

  valueAxis() {
    const [ink, grid] = [resolved("var(--soft)"), resolved("var(--grid)")];
    return {
      stroke: ink,
      grid: { stroke: grid, width: 1 },
      ticks: { show: false },
      space: 30,
      font: FONT,
      incrs: increments(this.panel.unit, this.isCount),
      values: (_, splits) => ticks(splits, this.panel.unit),
      size: (plot, values) => 14 + Math.ceil(Math.max(14, ...(values ?? []).map((text) => width(plot, text)))),
    };
  }

  overdraw(plot) {
    const { ctx: pen, bbox: box } = plot;
    pen.save();
    pen.lineWidth = devicePixelRatio;
    pen.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    if (this.panel.dashed) this.limits().forEach(([value, colour]) => this.level(plot, pen, box, value, colour));
    this.marks().forEach((mark) => this.upright(plot, pen, box, mark));
    pen.restore();
  }

  limits() {
    return this.panel.thresholds.map(({ value, colour }) => [value, resolved(shade(colour))]);
  }

  marks() {
    return this.page.marks().filter(({ time }) => time / 1000 >= this.range[0] && time / 1000 <= this.range[1]);
  }

  level(plot, pen, box, value, colour) {
    if (value < plot.scales.y.min || value > plot.scales.y.max) return;
    const y = Math.round(plot.valToPos(value, "y", true));
    stroke(pen, colour, [box.left, y], [box.left + box.width, y]);
  }

  upright(plot, pen, box, { time: at, colour }) {
    const x = Math.round(plot.valToPos(at / 1000, "x", true));
    const ink = resolved(shade(colour));
    stroke(pen, ink, [x, box.top], [x, box.top + box.height]);
    pen.fillStyle = ink;
    const half = 4 * devicePixelRatio;
    pen.beginPath();
    pen.moveTo(x - half, box.top + box.height);
    pen.lineTo(x + half, box.top + box.height);
    pen.lineTo(x, box.top + box.height - 1.6 * half);
    pen.fill();
  }

  point(plot) {
    const { left, top, idx, event } = plot.cursor;
    if (!event && !this.keyed) return;
    if (left < 0 || idx === null || idx === undefined) {
      this.page.pointed(null);
      return hideTip();
    }
    this.page.pointed(this.times[idx]);
    const box = plot.over.getBoundingClientRect();
    showTip(this.tip(plot, idx, left), { x: box.left + left, y: box.top + (top >= 0 ? top : box.height / 2) });
  }

  tip(plot, at, left) {
    const text = (value) => format(value, this.panel.unit, this.panel.decimals);
    const shown = this.series.filter((one, index) => !this.hidden.has(index) && one.values[at] !== null);
    const lines = shown.sort((one, other) => other.values[at] - one.values[at]).map(({ name, colour, values }) => ({ name, colour, text: text(values[at]) }));
    const events = this.marks().filter((mark) => Math.abs(plot.valToPos(mark.time / 1000, "x") - left) <= NEAR_MARK);
    const sum = this.panel.stacked && lines.length > 1 ? text(total(this.series.map((one) => one.values), this.hidden, at)) : "";
    return { time: this.times[at], lines, total: sum, events: events.map((mark) => ({ ...mark, colour: shade(mark.colour) })) };
  }

  zoom(plot) {
    const { left, width: wide } = plot.select;
    if (wide < 8) return;
    const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + wide, "x")];
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    hideTip();
    this.page.zoom(from, to);
  }

  move(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") hideTip();
    if (!step || !this.times.length) return;
    event.preventDefault();
    const at = Math.max(0, Math.min(this.times.length - 1, (this.plot.cursor.idx ?? this.times.length) + step));
    this.keyed = true;
    this.plot.setCursor({ left: this.plot.valToPos(this.times[at], "x"), top: 10 });
    this.keyed = false;
  }
}

const FONT = "11px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

function stroke(pen, colour, [x1, y1], [x2, y2]) {
  pen.strokeStyle = colour;
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function width(plot, text) {
  plot.ctx.save();
  plot.ctx.font = FONT;
  const found = plot.ctx.measureText(text).width;
  plot.ctx.restore();
  return found;
}

// Points that no line leads to: without a mark nobody would see them.
function lonely(plot, index) {
  const values = plot.data[index];
  const there = (at) => values[at] !== null && values[at] !== undefined;
  return values.map((_, at) => at).filter((at) => there(at) && !there(at - 1) && !there(at + 1));
}

// Hours and minutes; the day where a new one begins.
function time(at, gap, before) {
  const stamp = new Date(at * 1000);
  const day = () => `${String(stamp.getMonth() + 1).padStart(2, "0")}-${String(stamp.getDate()).padStart(2, "0")}`;
  if (gap >= 86400) return day();
  const hours = clock(stamp, gap < 60 ? ["getHours", "getMinutes", "getSeconds"] : ["getHours", "getMinutes"]);
  const isNew = before !== null && new Date(before * 1000).getDate() !== stamp.getDate();
  return isNew ? `${day()} ${hours}` : hours;
}
