// A number as a person reads it, by Grafana's unit ids: both faces of a dashboard show the same.
const BINARY = [[1, "B"], [1024, "KiB"], [1024 ** 2, "MiB"], [1024 ** 3, "GiB"], [1024 ** 4, "TiB"], [1024 ** 5, "PiB"]];
const DECIMAL = [[1, "B/s"], [1e3, "kB/s"], [1e6, "MB/s"], [1e9, "GB/s"], [1e12, "TB/s"]];
const SECONDS = [[1e-9, "ns"], [1e-6, "µs"], [1e-3, "ms"], [1, "s"], [60, "min"], [3600, "h"], [86400, "d"], [604800, "weeks"], [31557600, "years"]];
const COUNT = [[1, ""], [1e3, "K"], [1e6, "Mil"], [1e9, "Bil"], [1e12, "Tri"]];

const counted = (what) => COUNT.map(([size, name]) => [size, name ? `${name} ${what}` : what]);
const SCALES = {
  bytes: BINARY,
  decbytes: DECIMAL.map(([size, name]) => [size, name.replace("/s", "")]),
  Bps: DECIMAL,
  binBps: BINARY.map(([size, name]) => [size, `${name}/s`]),
  s: SECONDS,
  ms: SECONDS.map(([size, name]) => [size * 1e3, name]),
  short: COUNT,
  ops: counted("ops/s"),
  reqps: counted("req/s"),
  rowsps: counted("rows/s"),
  percentunit: [[0.01, "%"]],
  percent: [[1, "%"]],
  none: [[1, ""]],
};

function scaleOf(unit) {
  return SCALES[unit] ?? [[1, unit]];
}

// The largest unit of which there is one at least; 0 is 0 of the plainest.
function step(unit, value) {
  const scale = scaleOf(unit);
  const size = Math.abs(value);
  if (!size) return scale.find(([one]) => one === 1) ?? scale[0];
  return scale.findLast(([one]) => size >= one * 0.9995) ?? scale[0];
}

// Three figures are enough for an eye; a whole number has nothing after its point.
function places(value) {
  if (Number.isInteger(value) || !value) return 0;
  return Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))));
}

function joined(text, name) {
  return name ? `${text}${name === "%" ? "" : " "}${name}` : text;
}

export function moment(milliseconds) {
  const at = new Date(milliseconds);
  const two = (part) => String(part).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function format(value, unit = "none", decimals = null) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (unit === "dateTimeAsIso") return moment(value);
  const [size, name] = step(unit, value);
  const scaled = value / size;
  return joined(scaled.toFixed(decimals ?? places(Number(scaled.toPrecision(6)))), name);
}

// The marks of an axis in one unit, with as many decimals as tell them apart.
export function ticks(values, unit) {
  const numbers = values.filter((value) => value !== null);
  const [size, name] = step(unit, Math.max(...numbers.map(Math.abs)));
  const gap = numbers.length > 1 ? Math.abs(numbers[1] - numbers[0]) / size : 1;
  const decimals = [0, 1, 2, 3, 4, 5, 6].find((count) => Math.abs(gap * 10 ** count - Math.round(gap * 10 ** count)) < 1e-6) ?? 6;
  return values.map((value) => (value === null ? "" : value ? joined((value / size).toFixed(decimals), name) : format(0, unit)));
}

// Distances between marks that are round in the unit: powers of two for bytes, minutes and hours for seconds, whole for counts.
export function increments(unit, isCount = false) {
  if (unit === "bytes" || unit === "binBps") return Array.from({ length: 52 }, (_, power) => 2 ** power);
  const tens = Array.from({ length: 28 }, (_, power) => 10 ** (power - 12)).flatMap((ten) => [1, 2, 2.5, 5].map((part) => Number((part * ten).toPrecision(3))));
  if (unit === "s") return [...tens.filter((gap) => gap <= 20), 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, ...[1, 2, 4, 10, 20, 52, 104].map((weeks) => weeks * 604800)];
  return isCount ? tens.filter(Number.isInteger) : tens;
}
