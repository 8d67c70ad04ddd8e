// Charts: each <figure class="chart"> carries its figures as JSON and is drawn by uPlot; its table stands beside it.
(() => {
  const drawn = new Map();
  const style = () => getComputedStyle(document.documentElement);
  const token = (name) => style().getPropertyValue(name).trim();
  const palette = () => Array.from({ length: 8 }, (_, i) => token(`--series-${i + 1}`));
  const faded = (colour, share) => colour + Math.round(share * 255).toString(16).padStart(2, "0");

  const trimmed = (value, digits) => value.toLocaleString("en-US", { maximumFractionDigits: digits });
  const compact = (value) => {
    for (const [least, letter] of [[1e9, "B"], [1e6, "M"], [1e4, "k"]]) {
      if (Math.abs(value) >= least) return `${trimmed(value / (letter === "k" ? 1e3 : least), 1)}${letter}`;
    }
    return trimmed(value, 2);
  };
  const formats = {
    usd: (v) => v === 0 ? "$0" : Math.abs(v) >= 1e4 ? `$${compact(v)}` : `$${Math.abs(v) >= 1 ? v.toFixed(2) : Number(v.toPrecision(3))}`,
    share: (v) => `${trimmed(v * 100, 1)} %`,
    seconds: (v) => v < 1 ? `${trimmed(v * 1000, 0)} ms` : `${trimmed(v, 2)} s`,
    ms: (v) => v < 1000 ? `${trimmed(v, 1)} ms` : `${trimmed(v / 1000, 2)} s`,
    ratio: (v) => trimmed(v, 3),
  };
  const shown = (value, unit) => value === null || value === undefined ? "–" : (formats[unit] ?? compact)(value);
  const axisShown = (value, unit) => unit === "usd" && value !== 0 && Math.abs(value) < 1e4
    ? `$${trimmed(value, Math.abs(value) >= 10 ? 0 : 6)}` : shown(value, unit);

  const moment = (seconds, unit) => {
    const options = unit === "day"
      ? { weekday: "short", day: "numeric", month: "short" }
      : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false };
    return new Date(seconds * 1000).toLocaleString("en-GB", { ...options, timeZone: "UTC" });
  };

  function read(figure) {
    const { columns, data } = JSON.parse(figure.dataset.figures);
    return { x: columns[0], lines: columns.slice(1), values: data };
  }

  // Stacked areas are sums from the bottom up; the tooltip tells the parts.
  function stacked(values, lines, alone) {
    const sums = new Array(values[0].length).fill(0);
    return [values[0], ...lines.map((_, i) => alone.has(i) ? values[i + 1] : values[i + 1].map((v, j) => (sums[j] += v ?? 0)))];
  }

  function tooltip(figure, chart) {
    const box = document.createElement("div");
    box.className = "tip";
    box.setAttribute("aria-hidden", "true");
    return {
      hooks: {
        init: (u) => u.over.append(box),
        setCursor: (u) => {
          const at = u.cursor.idx;
          if (at === null || at === undefined || u.cursor.left < 0) { box.hidden = true; return; }
          box.hidden = false;
          box.replaceChildren(heading(chart, at), ...rows(chart, at));
          const left = u.cursor.left > u.over.clientWidth / 2;
          box.style.left = `${left ? u.cursor.left - box.offsetWidth - 14 : u.cursor.left + 14}px`;
          box.style.top = "8px";
        },
      },
    };
  }
  const heading = (chart, at) => {
    const line = document.createElement("strong");
    const x = chart.values[0][at];
    line.textContent = chart.time ? moment(x, chart.x.unit) : `${chart.x.label} ${shown(x, chart.x.unit)}`;
    return line;
  };
  const rows = (chart, at) => chart.lines.map((line, i) => ({ line, i, value: chart.values[i + 1][at] }))
    .filter(({ value }) => value !== null && value !== undefined)
    .map(({ line, i, value }) => {
      const row = document.createElement("span");
      const dot = document.createElement("i");
      dot.className = `dot dot-${chart.colour(i)}`;
      const name = document.createElement("em");
      name.textContent = line.label;
      const figure = document.createElement("b");
      figure.textContent = shown(value, line.unit);
      row.append(dot, name, figure);
      return row;
    });

  function lineOf(chart, i, colours) {
    const role = chart.roles[i] ?? "";
    const colour = colours[chart.colour(i) - 1];
    const common = { label: chart.lines[i].label, points: { show: chart.points }, spanGaps: false };
    if (role === "before") return { ...common, stroke: token("--muted"), width: 1.5, dash: [4, 4], points: { show: false } };
    if (role === "edge") return { ...common, stroke: faded(colours[0], 0.45), width: 1, dash: [2, 3], points: { show: false } };
    if (role === "forecast") return { ...common, stroke: colours[0], width: 2, dash: [5, 4], points: { show: false } };
    if (role === "ideal") return { ...common, stroke: token("--muted"), width: 1, dash: [3, 3], points: { show: false } };
    if (chart.kind === "bars" || chart.kind === "stacked") {
      return {
        ...common, stroke: colour, width: 0, fill: colour, points: { show: false },
        paths: uPlot.paths.bars({ size: [0.72, 42], radius: chart.kind === "bars" ? 0.12 : 0 }),
      };
    }
    if (chart.kind === "scatter") return { ...common, stroke: colour, width: 1.5, points: { show: true, size: 7, fill: colour } };
    return { ...common, stroke: colour, width: 1.75, fill: chart.lines.length === 1 ? faded(colour, 0.1) : undefined };
  }

  function options(figure, chart, width) {
    const colours = palette();
    const grid = { stroke: token("--grid"), width: 1 };
    const axis = { stroke: token("--muted"), font: "11px Inter, sans-serif", ticks: { show: false } };
    const unit = chart.lines[0]?.unit ?? "count";
    return {
      width, height: Number(figure.dataset.height ?? 220), tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "UTC"),
      padding: [10, 32, 0, 0], legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: {
        x: { time: chart.time, range: chart.kind === "line" || chart.kind === "scatter" ? undefined : padded },
        y: { range: (_, low, high) => figure.dataset.zoomed ? zoomed(low, high) : [Math.min(0, low ?? 0), (high || 1) * 1.08] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 28, space: 64, incrs: chart.time ? increments(chart.x.unit) : undefined, values: chart.time ? (_, ticks) => ticks.map((t) => tick(t, chart.x.unit)) : (_, ticks) => ticks.map((t) => shown(t, chart.x.unit)) },
        { ...axis, grid, size: 58, space: 36, values: (_, ticks) => ticks.map((v) => axisShown(v, unit)) },
      ],
      series: [{}, ...chart.order.map((i) => lineOf(chart, i, colours))],
      plugins: [tooltip(figure, chart)],
    };
  }
  const zoomed = (low, high) => { const spare = Math.max((high - low) * 0.25, 0.01); return [low - spare, high + spare]; };
  const increments = (unit) => (unit === "day" ? [1, 2, 3, 5, 7, 14, 30, 60] : [1 / 24, 1 / 12, 1 / 8, 1 / 4, 1 / 2, 1, 2]).map((days) => days * 86400);
  const padded = (u, low, high) => {
    const xs = u.data[0];
    const half = xs.length > 1 ? (xs[1] - xs[0]) / 2 : 43200;
    return [low - half, high + half];
  };
  const tick = (seconds, unit) => {
    const zone = "UTC";
    const at = new Date(seconds * 1000);
    const midnight = at.toLocaleTimeString("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
    return unit === "day" || midnight === "00:00"
      ? at.toLocaleDateString("en-GB", { timeZone: zone, day: "numeric", month: "short" }) : midnight;
  };

  function draw(figure) {
    const place = figure.querySelector(".plot");
    const chart = read(figure);
    if (!chart.values.length) return;
    chart.kind = figure.dataset.kind;
    chart.time = ["day", "hour", "time"].includes(chart.x.unit);
    chart.roles = (figure.dataset.roles ?? "").split(",");
    chart.points = chart.values[0].length < 3;
    chart.colour = (i) => (i % 8) + 1;
    const alone = new Set(chart.roles.flatMap((role, i) => role ? [i] : []));
    const values = chart.kind === "stacked" ? stacked(chart.values, chart.lines, alone) : chart.values;
    // The tallest sum first, so that the smaller ones are drawn over it.
    const parts = chart.lines.map((_, i) => i).filter((i) => !alone.has(i));
    for (const i of alone) if (chart.roles[i] === "none") alone.delete(i);
    chart.order = [...(chart.kind === "stacked" ? parts.reverse() : parts), ...alone];
    const plotted = [values[0], ...chart.order.map((i) => values[i + 1])];
    drawn.get(figure)?.destroy();
    place.replaceChildren();
    drawn.set(figure, new uPlot(options(figure, chart, place.clientWidth), plotted, place));
    figure.dataset.drawn = "yes";
  }

  const all = (within = document) => {
    for (const [figure, plot] of drawn) if (!figure.isConnected) { plot.destroy(); drawn.delete(figure); }
    for (const figure of within.querySelectorAll("figure.chart")) draw(figure);
  };
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = drawn.get(target.closest("figure"));
      if (plot && target.clientWidth && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: plot.height });
    }
  });
  const watch = (within = document) => { for (const place of within.querySelectorAll("figure.chart .plot")) resized.observe(place); };

  document.addEventListener("DOMContentLoaded", () => { all(); watch(); });
  document.addEventListener("htmx:afterSettle", (event) => { all(event.detail.target.parentElement ?? document); watch(); });
  document.addEventListener("themechange", () => all());
})();
