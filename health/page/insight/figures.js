// Figures in words: as the terminal writes them.
function trimmed(value, decimals) {
  return value.toFixed(decimals);
}

export function seconds(value) {
  if (value < 1) return `${trimmed(value * 1000, value >= 0.01 ? 0 : value >= 0.001 ? 1 : 2)} ms`;
  if (value < 60) return `${trimmed(value, value < 10 ? 1 : 0)} s`;
  const whole = Math.floor(value);
  for (const [big, small, size, part] of [["d", "h", 86400, 3600], ["h", "min", 3600, 60], ["min", "s", 60, 1]]) {
    if (whole >= size) return `${Math.floor(whole / size)} ${big} ${Math.floor((whole % size) / part)} ${small}`;
  }
  return "";
}

export function bytes(value) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1024) return `${trimmed(value, unit === "B" || unit === "kB" ? 0 : 1)} ${unit}`;
    value /= 1024;
  }
  return `${trimmed(value, 1)} TB`;
}

export function count(value) {
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

export function amount(value, unit) {
  return { seconds, bytes, rows: count }[unit](value);
}

export function change(row) {
  if (row.factor === null) return row.change;
  const factor = row.factor >= 1 ? row.factor : 1 / row.factor;
  return `×${trimmed(factor, factor < 100 ? 1 : 0)} ${row.change}`;
}

export function moment(unix) {
  return `${new Date(unix * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
