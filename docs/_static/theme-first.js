// Before the first paint: what the reader chose with the switch, or the system's scheme.
try {
  document.body.dataset.theme = localStorage.getItem("theme") || "auto";
} catch {
  document.body.dataset.theme = "auto"; // a browser may refuse storage
}
