"use strict";
// Reads values off the charts: under the pointer, under a finger, or by arrow keys.
const data = JSON.parse(document.getElementById("data").textContent);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const rate = (value) => (value === null ? "none" : value.toExponential(2));

const kinds = {
  lines: {
    columns: data.steps.length,
    say: (g, i) => `step ${data.steps[i]}: rate ${rate(data.rates[g][i])}`,
  },
  map: {
    columns: data.steps.length,
    say: (g, i) => `step ${data.steps[i]}: rate ${rate(data.rates[g][i])}`,
  },
  pushes: {
    columns: data.spans.length - 1,
    say: (g, i) => {
      const push = data.pushes[g][i];
      const last = Math.max(data.spans[i], data.spans[i + 1] - 1);
      const words = push === null ? "unknown" : `${push > 0 ? "+" : ""}${push}, asks for a ${push > 0 ? "larger" : "smaller"} rate`;
      return `steps ${data.spans[i]} to ${last}: ${push === 0 ? "0" : words}`;
    },
  },
};

function across(kind, i) {
  const last = data.steps.length - 1;
  if (kind === "lines") return last > 0 ? (data.steps[i] - data.steps[0]) / (data.steps[last] - data.steps[0]) : 0.5;
  return (i + 0.5) / kinds[kind].columns;
}

function down(kind, g, i) {
  if (kind !== "lines") return (g + 0.5) / data.groups.length;
  const value = data.rates[g][i];
  return value === null ? null : 1 - Math.log(value / data.low) / Math.log(data.high / data.low);
}

function nearestColumn(kind, place) {
  const { columns } = kinds[kind];
  if (kind !== "lines") return clamp(Math.floor(place * columns), 0, columns - 1);
  let best = 0;
  for (let i = 1; i < columns; i++) if (Math.abs(across(kind, i) - place) < Math.abs(across(kind, best) - place)) best = i;
  return best;
}

function nearestGroup(kind, place, i) {
  const count = data.groups.length;
  if (kind !== "lines") return clamp(Math.floor(place * count), 0, count - 1);
  let best = 0, least = Infinity;
  for (let g = 0; g < count; g++) {
    const there = down(kind, g, i);
    if (there !== null && Math.abs(there - place) < least) { best = g; least = Math.abs(there - place); }
  }
  return best;
}

for (const chart of document.querySelectorAll(".chart")) {
  const kind = chart.dataset.kind, plot = chart.querySelector(".plot");
  const cross = chart.querySelector(".cross"), readout = chart.querySelector(".readout");
  const lines = [...chart.querySelectorAll("path:not(.grid, .leader)")];
  const tip = document.createElement("div");
  tip.className = "tip";
  let group = 0, column = kinds[kind].columns - 1;

  function show() {
    const words = `${data.groups[group]}, ${kinds[kind].say(group, column)}`;
    const x = across(kind, column), y = down(kind, group, column) ?? 0;
    plot.classList.add("reading");
    lines.forEach((line, index) => line.classList.toggle("on", index === group));
    cross.style.left = `${100 * (kind === "lines" ? x : column / kinds[kind].columns)}%`;
    if (kind !== "lines") {
      cross.style.width = `${100 / kinds[kind].columns}%`;
      cross.style.top = `${(100 * group) / data.groups.length}%`;
      cross.style.height = `${100 / data.groups.length}%`;
    }
    tip.textContent = words;
    readout.textContent = words;
    if (!tip.isConnected) plot.append(tip);
    // Beside the point, but never over the edge of the page.
    const frame = plot.getBoundingClientRect(), width = tip.offsetWidth;
    const left = x < 0.5 ? x * frame.width + 12 : x * frame.width - width - 12;
    tip.style.left = `${clamp(left, 8 - frame.left, document.documentElement.clientWidth - width - 8 - frame.left)}px`;
    tip.style.top = `${y * frame.height - 40}px`;
  }

  function hide() {
    plot.classList.remove("reading");
    lines.forEach((line) => line.classList.remove("on"));
    tip.remove();
  }

  function follow(event) {
    const frame = plot.getBoundingClientRect();
    const x = (event.clientX - frame.left) / frame.width, y = (event.clientY - frame.top) / frame.height;
    if (x < -0.02 || x > 1.02) return hide();
    column = nearestColumn(kind, x);
    group = nearestGroup(kind, y, column);
    show();
  }

  plot.addEventListener("pointermove", follow);
  plot.addEventListener("pointerdown", follow);
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === "Escape") return hide();
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [rows, columns] = moves[event.key];
    group = clamp(group + rows, 0, data.groups.length - 1);
    column = clamp(column + columns, 0, kinds[kind].columns - 1);
    show();
  });
}
