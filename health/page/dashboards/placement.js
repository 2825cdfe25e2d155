// Where panels stand in their row: as in Grafana, but one that is repeated stands there once for each value.
const COLUMNS = 24;
const MOST_ABREAST = 3;

export function placed(panels, values) {
  const top = panels.length ? Math.min(...panels.map((panel) => panel.y)) : 0;
  let pushed = 0;
  return panels.flatMap((panel) => {
    const where = { x: panel.x, y: panel.y - top + pushed, w: panel.w, h: panel.h };
    if (!panel.repeat) return [{ panel, where, only: null, key: String(panel.id) }];
    const each = values[panel.repeat] ?? [];
    const abreast = Math.max(1, Math.min(MOST_ABREAST, each.length));
    const w = COLUMNS / abreast;
    pushed += (Math.max(1, Math.ceil(each.length / abreast)) - 1) * panel.h;
    return each.map((value, index) => ({
      panel,
      where: { x: (index % abreast) * w, y: where.y + Math.floor(index / abreast) * panel.h, w, h: panel.h },
      only: { name: panel.repeat, value },
      key: `${panel.id}-${value}`,
    }));
  });
}
