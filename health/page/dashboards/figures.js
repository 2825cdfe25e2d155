// The latest values, large; and the same as bars.
import { fill, shape, span } from "../elements.js";
import { judged, shade } from "./colours.js";
import { latest } from "./legend.js";
import { format } from "./units.js";

const value = (series) => (series.values ? latest(series.values) : series.value);

const ABREAST = 96;

export class Figure {
  constructor(body, panel) {
    Object.assign(this, { body, panel });
  }

  draw({ series }) {
    const isNarrow = series.length > 2 && this.body.clientWidth < series.length * ABREAST;
    fill(this.body, [span("div", { class: `figures${isNarrow ? " lines" : ""}` }, ...series.map((one) => this.one(one, series.length > 1)))]);
  }

  one(series, isOneOfSeveral) {
    const { panel } = this;
    const number = value(series);
    const { text, colour } = judged(number, panel);
    const shown = panel.named ? series.legend : (text ?? format(number, panel.unit, panel.decimals));
    const name = isOneOfSeveral && !panel.named ? [span("span", { class: "name" }, series.legend)] : [];
    const made = span("div", { class: "figure" }, ...name, span("strong", { title: shown }, shown));
    made.style.setProperty("--letters", String(Math.max(3, shown.length)));
    if (panel.words.length && colour !== "text") {
      made.classList.add("filled");
      made.style.background = `var(--fill-${colour}, var(--card))`;
    } else made.style.color = shade(colour);
    if (panel.graph && series.values) made.append(course(series.values));
    return made;
  }
}

// The way to the latest value, behind it; nothing where there was no value.
function course(values) {
  const numbers = values.filter((one) => one !== null);
  const [most, least] = [Math.max(...numbers, 0), Math.min(...numbers, 0)];
  const height = (one) => (most > least ? 40 - (38 * (one - least)) / (most - least) : 40);
  let line = "";
  let area = "";
  let open = null;
  values.forEach((one, at) => {
    if (one === null) {
      open = null;
      return;
    }
    line += `${open === null ? "M" : "L"}${at} ${height(one).toFixed(1)}`;
    if (open !== null) area += `M${at - 1} 40V${open}L${at} ${height(one).toFixed(1)}V40Z`;
    open = height(one).toFixed(1);
  });
  const picture = shape("svg", { class: "course", viewBox: `0 0 ${Math.max(1, values.length - 1)} 40`, preserveAspectRatio: "none", "aria-hidden": "true" });
  picture.append(shape("path", { class: "area", d: area }), shape("path", { class: "curve", d: line }));
  return picture;
}

export class Bars {
  constructor(body, panel) {
    Object.assign(this, { body, panel });
  }

  draw({ series }) {
    const { panel } = this;
    const sorted = series.map((one) => ({ name: one.legend, number: value(one) })).sort((one, other) => (other.number ?? -1) - (one.number ?? -1));
    const most = panel.most ?? Math.max(...sorted.map((one) => one.number ?? 0), 0);
    const lines = sorted.map(({ name, number }) => {
      const bar = span("i", {});
      bar.style.width = `${most > 0 ? Math.max(0, Math.min(100, (100 * (number ?? 0)) / most)) : 0}%`;
      bar.style.background = shade(judged(number, panel).colour);
      return span("li", {}, span("span", { class: "name", title: name }, name), span("b", {}, format(number, panel.unit, panel.decimals)), span("span", { class: "bar" }, bar));
    });
    fill(this.body, [span("ul", { class: "bars" }, ...lines)]);
  }
}
