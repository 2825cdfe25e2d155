// Series on top of each other: each is drawn at the sum of itself and those below it that are shown.
export function stacked(columns, hidden) {
  const below = columns[0].map(() => 0);
  return columns.map((values, index) => {
    if (hidden.has(index)) return values.map(() => null);
    return values.map((value, at) => {
      if (value === null) return null;
      below[at] += value;
      return below[at];
    });
  });
}

// What fills the space between a series and the next shown one below it, in the words of uPlot.
export function bands(count, hidden) {
  const shown = Array.from({ length: count }, (_, index) => index).filter((index) => !hidden.has(index));
  return shown.slice(1).map((index, at) => ({ series: [index + 1, shown[at] + 1], dir: -1 }));
}

// The hidden ones and those that are nothing all along: on top of the others their line would be taken for one of these.
export function unseen(columns, hidden) {
  return new Set([...hidden, ...columns.flatMap((values, index) => (values.some((value) => value) ? [] : [index]))]);
}

export function total(columns, hidden, at) {
  const values = columns.filter((_, index) => !hidden.has(index)).map((values) => values[at]).filter((value) => value !== null);
  return values.length ? values.reduce((sum, value) => sum + value, 0) : null;
}
