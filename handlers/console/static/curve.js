// Asks the service for the sum up to the rank below the pointer, at most ten times a second, and moves the point of the
// curve there. Without this file the form beside it does the same.

const figure = document.querySelector("[data-curve]");
const PAUSE = 100; // ms between two questions
const HEIGHT = 200, BOTTOM = 222; // of the plot, as in board/curve.html

const { ask, segment, members, total, low, high } = figure?.dataset ?? {};
const [count, all, least, most] = [members, total, low, high].map(Number);
let wanted = null;
let asking = false;

// An exact decimal, with commas between thousands, as the page writes it.
function written(digits) {
  const [whole, part] = digits.replace("-", "\u2212").split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? grouped : `${grouped}.${part}`;
}

function show(rank, sum) {
  const x = `${((rank + 1) * 100) / count}%`;
  const y = BOTTOM - ((Number(sum) - least) / (most - least || 1)) * HEIGHT;
  for (const [name, text] of [
    ["k", written(String(rank))],
    ["sum", written(sum)],
    ["share", ((Number(sum) * 100) / all).toFixed(1)],
  ]) {
    const place = document.querySelector(`[data-${name}]`);
    if (place) place.textContent = text;
  }
  const dot = figure.querySelector(".dot");
  const rule = figure.querySelector(".rule.now");
  dot.setAttribute("cx", x);
  dot.setAttribute("cy", y);
  rule.setAttribute("x1", x);
  rule.setAttribute("x2", x);
  rule.setAttribute("y1", y);
}

async function next() {
  if (asking || wanted === null) return;
  const rank = wanted;
  wanted = null;
  asking = true;
  const query = new URLSearchParams({ rank, order: "desc", exact: "string" });
  if (segment) query.set("segment", segment);
  try {
    const answer = await fetch(`${ask}?${query}`, { headers: { Accept: "application/json" } });
    if (answer.ok) {
      const { count: found, sum } = await answer.json();
      show(found - 1, sum);
    }
  } catch {
    // not reached: the point stays where it is
  }
  setTimeout(() => {
    asking = false;
    next();
  }, PAUSE);
}

function want(rank) {
  const wished = Math.min(count - 1, Math.max(0, Math.round(rank)));
  if (Number.isFinite(wished)) {
    wanted = wished;
    next();
  }
  return wished;
}

if (figure) {
  const input = document.getElementById("k");
  figure.addEventListener("pointermove", (event) => {
    const box = figure.getBoundingClientRect();
    input.value = want(((event.clientX - box.left) / box.width) * count - 1);
  });
  input.addEventListener("input", () => want(input.valueAsNumber));
}
