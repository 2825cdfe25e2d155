// Which state each series was in: coloured bands with their words, one line for each.
import { fill, span } from "../elements.js";
import { judged, shade } from "./colours.js";
import { hideTip, showTip } from "./tooltip.js";
import { format, moment } from "./units.js";

const NARROW = 9;

export class Bands {
  constructor(body, panel, page) {
    Object.assign(this, { body, panel, page });
  }

  draw({ times, series, step }, [from, to]) {
    const share = (at) => (100 * (Math.max(from, Math.min(to, at)) - from)) / (to - from);
    const lines = series.map((one) => {
      const pieces = merged(times, one.values, step).map((piece) => this.piece(piece, share, one.legend));
      return span("li", {}, span("span", { class: "name", title: one.legend }, one.legend), span("span", { class: "track" }, ...pieces));
    });
    const marks = this.page.marks().filter(({ time }) => time / 1000 >= from && time / 1000 <= to).map((mark) => this.mark(mark, share));
    const scale = span("li", { class: "scale", "aria-hidden": "true" }, span("span", { class: "name" }), span("span", { class: "track" }, ...hours(from, to, share), ...marks));
    this.line = span("i", { class: "line", hidden: "" });
    scale.lastElementChild.append(this.line);
    this.share = share;
    fill(this.body, [span("ul", { class: "bands" }, ...lines, scale)]);
  }

  // Where the pointer is in another drawing.
  pointed(time) {
    this.line.hidden = time === null;
    if (time !== null) this.line.style.left = `${this.share(time)}%`;
    this.line.style.height = `${this.body.clientHeight - 18}px`;
  }

  piece({ value, from, to }, share, name) {
    const { text, colour } = judged(value, this.panel);
    const word = text ?? format(value, this.panel.unit);
    const made = span("span", { class: "band" }, share(to) - share(from) < NARROW ? "" : word);
    made.style.left = `${share(from)}%`;
    made.style.width = `${share(to) - share(from)}%`;
    made.style.background = `var(--fill-${colour}, transparent)`;
    if (colour === "transparent" || colour === "text") made.classList.add("clear");
    made.addEventListener("pointermove", (event) => {
      showTip({ time: null, lines: [{ name, colour: shade(colour), text: word }], events: [{ name: moment(from * 1000), title: `to ${moment(to * 1000)}`, colour: "transparent" }] }, { x: event.clientX, y: event.clientY });
    });
    made.addEventListener("pointerleave", hideTip);
    return made;
  }

  mark({ time, name, title, colour }, share) {
    const made = span("i", { class: "mark", title: `${moment(time)} ${name}: ${title}` });
    made.style.left = `${share(time / 1000)}%`;
    made.style.borderBottomColor = shade(colour);
    return made;
  }
}

// Neighbours of one value as one piece. A value holds until the next; where there is none, there is no piece.
export function merged(times, values, step) {
  const pieces = [];
  values.forEach((value, at) => {
    const last = pieces[pieces.length - 1];
    if (value === null) return;
    if (last && last.value === value && last.to === times[at]) last.to = times[at] + step;
    else pieces.push({ value, from: times[at], to: times[at] + step });
  });
  return pieces;
}

const GAPS = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 345600];

// Some round moments of this browser's own clock.
function hours(from, to, share) {
  const gap = GAPS.find((one) => (to - from) / one <= 6) ?? GAPS[GAPS.length - 1];
  const offset = new Date(from * 1000).getTimezoneOffset() * 60;
  const made = [];
  for (let at = Math.ceil((from - offset) / gap) * gap + offset; at <= to; at += gap) {
    const text = moment(at * 1000);
    const label = span("small", {}, gap >= 86400 ? text.slice(5, 10) : text.slice(11, gap < 60 ? 19 : 16));
    label.style.left = `${share(at)}%`;
    made.push(label);
  }
  return made;
}
