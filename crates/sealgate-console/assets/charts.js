// Charts: lines of what stands in data-lines, or behind data-url, drawn into figures. The tables beside them say the
// same without any script.
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // light-dark() is resolved on an element.
  const colour = (name) => {
    const probe = document.createElement('span');
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const units = {
    bytes: (value) => {
      if (value === null || value === undefined) return '';
      const names = ['B/s', 'KiB/s', 'MiB/s', 'GiB/s'];
      let at = 0;
      while (value >= 1024 && at + 1 < names.length) { value /= 1024; at += 1; }
      return `${value < 10 && at ? value.toFixed(1) : Math.round(value)} ${names[at]}`;
    },
    ms: (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${+value.toFixed(value < 10 ? 1 : 0)} ms`),
    rate: (value) => `${+value.toFixed(value < 10 ? 2 : 0)}/s`,
    count: (value) => (Number.isInteger(value) ? `${value}` : ''),
  };
  // As everywhere here: UTC.
  const time = (at, step) => { const text = new Date(at * 1000).toISOString(); return step >= 86400 ? text.slice(5, 10) : text.slice(11, step < 60 ? 19 : 16); };
  const binary = [...Array(50).keys()].map((power) => 2 ** power);
  const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
  const drawn = new Map();

  const draw = (figure, data) => {
    const place = figure.querySelector('.plot');
    const names = JSON.parse(figure.dataset.names);
    const hues = JSON.parse(figure.dataset.colours);
    // With fewer lines than colours the last two keep theirs.
    if (hues.length > names.length) hues.splice(names.length - 2, hues.length - names.length);
    const unit = units[figure.dataset.unit];
    const old = drawn.get(figure);
    const width = Math.max(200, place.clientWidth);
    if (old && old.series.length === names.length + 1) { old.setData(data); return; }
    if (old) old.destroy();
    const grid = { stroke: colour('--line'), width: 1 };
    const axis = { stroke: colour('--muted'), font: `12px ${css('--sans')}`, grid, ticks: { stroke: colour('--line'), width: 1, size: 4 } };
    const bars = figure.dataset.kind === 'bars' && uPlot.paths.bars({ size: [0.7, 40] });
    const plot = new uPlot({
      width, height: 190, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), 'Etc/UTC'),
      padding: [10, 26, 0, 0],
      legend: { live: true },
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { y: { range: (self, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [
        { ...axis, space: 70, size: 32, values: (self, ticks, at, space, step) => ticks.map((it) => time(it, step)) },
        { ...axis, size: 66, space: 34, incrs: figure.dataset.unit === 'bytes' ? binary : undefined, values: (self, ticks) => ticks.map(unit) },
      ],
      series: [
        { label: 'UTC', value: (self, at) => (at ? new Date(at * 1000).toISOString().slice(0, 19).replace('T', ' ') : '–') },
        ...names.map((name, at) => ({
          label: name, stroke: colour(hues[at]), width: bars ? 0 : 1.8, dash: bars ? [] : dashes[at % dashes.length],
          fill: bars ? colour(hues[at]) : undefined, paths: bars || undefined, points: { show: data[0].length < 3 },
          // A bar stands on the next, and is as high as both.
          value: (self, value, series, point) => (value === null || value === undefined ? '–' : unit(bars ? value - (self.data[series + 1]?.[point] ?? 0) : value)),
        })),
      ],
    }, data, place);
    drawn.set(figure, plot);
  };

  const forget = () => { drawn.forEach((plot) => plot.destroy()); drawn.clear(); };
  const fill = (holder, lines) => {
    holder.querySelectorAll('figure[data-chart]').forEach((figure) => {
      const series = lines.charts[figure.dataset.chart] || [];
      draw(figure, [lines.times, ...series]);
      const empty = figure.querySelector('.none');
      if (empty) empty.hidden = lines.times.length > 0;
    });
    const table = holder.querySelector('[data-latest]');
    if (table && lines.latest) {
      table.replaceChildren(...lines.latest.map(([name, text]) => {
        const row = document.createElement('tr');
        const head = document.createElement('th');
        head.scope = 'row';
        head.textContent = name;
        const cell = document.createElement('td');
        cell.textContent = text;
        row.append(head, cell);
        return row;
      }));
    }
  };

  document.querySelectorAll('[data-lines]').forEach((holder) => {
    let lines = JSON.parse(holder.dataset.lines);
    const again = () => { forget(); document.querySelectorAll('[data-lines]').forEach((it) => fill(it, it.lines || JSON.parse(it.dataset.lines))); };
    holder.lines = lines;
    fill(holder, lines);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
    let width = holder.clientWidth;
    new ResizeObserver(() => {
      if (Math.abs(width - holder.clientWidth) < 2) return;
      width = holder.clientWidth;
      drawn.forEach((plot, figure) => plot.setSize({ width: Math.max(200, figure.querySelector('.plot').clientWidth), height: 190 }));
    }).observe(holder);
    if (!holder.dataset.url) return;
    const refresh = async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch(holder.dataset.url, { headers: { accept: 'application/json' }, redirect: 'error' });
        if (!answer.ok) return;
        lines = await answer.json();
        holder.lines = lines;
        fill(holder, lines);
        holder.dataset.updated = Date.now();
      } catch { document.dispatchEvent(new Event('htmx:error')); }
    };
    setInterval(refresh, 15000);
    document.addEventListener('visibilitychange', refresh);
    holder.addEventListener('charts:refresh', refresh);
  });
})();
