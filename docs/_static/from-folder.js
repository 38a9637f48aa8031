// Opened from a folder, without a server: an address that ends in / is a folder there, and the page is the file in it.
if (location.protocol === "file:") {
  const page = address => address.replace(/\/(?=$|[?#])/, "/index.html");
  const lead = event => {
    const link = event.target.closest?.("a[href]");
    if (link?.protocol === "file:") link.href = page(link.href);
  };
  for (const kind of ["click", "auxclick"]) addEventListener(kind, lead, true);
  addEventListener("DOMContentLoaded", () => {
    for (const form of document.forms) form.action = page(form.action);
  });
}
