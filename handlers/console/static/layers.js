// The button of /layers: sends a request with the header that has it traced, waits for the trace and shows it. Without this file the
// form has the service ask itself.

const form = document.querySelector("form[data-trace]");
const said = document.querySelector("[data-said]");
const PAUSE = 150, TRIES = 40; // ms; nginx's part comes a moment after the answer

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE));

async function traced(path) {
  const answer = await fetch(path, {
    headers: { "X-Wz-Trace": "1", Accept: "text/html, application/json" },
    cache: "no-store",
  });
  await answer.arrayBuffer();
  return answer.headers.get("X-Request-ID");
}

async function isKept(id) {
  for (let left = TRIES; left; left--) {
    const found = await fetch("/layers.json?limit=20", { cache: "no-store" });
    if (!found.ok) return false;
    const summary = (await found.json()).find((one) => one.id === id);
    if (summary?.has_nginx || (summary && left < TRIES / 2)) return true;
    await pause();
  }
  return false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  form.querySelector("button").disabled = true;
  said.textContent = "The request is on its way …";
  try {
    const id = await traced(form.elements.path.value);
    if (id && (await isKept(id))) {
      location.assign(`/layers/${encodeURIComponent(id)}`);
      return;
    }
    said.textContent = "The request was answered, and no trace of it was kept. Try again.";
  } catch {
    said.textContent = "The service does not answer. Try again.";
  }
  form.querySelector("button").disabled = false;
});
