// Keeps the sections of a page current: see live.py. Elements stay the same objects, so that focus, selection, scroll
// position and what was typed or opened stay; only texts and attributes that differ are set.

const main = document.querySelector("main[data-live-from]");
const KEEP = new Set(["open", "value", "checked", "selected"]); // what the reader has done

const RETRY = 4000; // ms until a stream that was refused is asked for again, as in live.py

let source = null;
let retry = 0;

// -- putting a new rendering into an old one -------------------------------------------------------------------------

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key ?? node.id : "";
}

function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
}

function mergeAttributes(old, fresh) {
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !KEEP.has(name) && name !== "class") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (!KEEP.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (!fresh.hasAttribute("class")) old.removeAttribute("class");
}

function merge(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  mergeAttributes(old, fresh);
  if (old.tagName !== "TEXTAREA") mergeChildren(old, fresh);
}

function mergeChildren(old, fresh) {
  if ([...fresh.children].some((child) => child.dataset.key)) mergeList(old, fresh);
  else mergeInOrder(old, fresh);
}

function mergeInOrder(old, fresh) {
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    if (place && alike(place, child)) {
      merge(place, child);
      place = place.nextSibling;
    } else if (place && child.nodeType === place.nodeType) {
      const next = place.nextSibling;
      place.replaceWith(child);
      place = next;
    } else {
      old.insertBefore(child, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

// Rows with a data-key keep the order in which they came, so that none moves under the pointer; new ones come last.
function mergeList(old, fresh) {
  const wanted = new Map([...fresh.children].map((child) => [keyOf(child), child]));
  for (const child of [...old.children]) {
    const its = wanted.get(keyOf(child));
    if (its) merge(child, its);
    else child.remove();
    wanted.delete(keyOf(child));
  }
  for (const child of wanted.values()) {
    child.classList.add("fresh");
    old.append(child);
  }
}

// -- the stream ------------------------------------------------------------------------------------------------------

function show(words) {
  for (const place of document.querySelectorAll("[data-live-state]")) place.textContent = words;
  main.classList.toggle("stale", words !== "live");
}

function notLive() {
  show(`not live, tries again in ${RETRY / 1000} s`);
}

function follow() {
  clearTimeout(retry);
  source = new EventSource(main.dataset.liveFrom);
  for (const section of document.querySelectorAll("[data-live]"))
    source.addEventListener(section.dataset.live, ({ data }) => {
      const fresh = document.createElement("template");
      fresh.innerHTML = data;
      mergeChildren(section, fresh.content);
    });
  source.addEventListener("at", ({ data }) => {
    for (const place of document.querySelectorAll("[data-live-at]")) place.textContent = data;
  });
  source.addEventListener("state", ({ data }) => (data === "live" ? show("live") : notLive()));
  source.addEventListener("error", () => {
    notLive(); // an EventSource whose connection was cut asks again by itself; one that was refused does not
    if (source?.readyState === EventSource.CLOSED) retry = setTimeout(askAgain, RETRY);
  });
}

async function askAgain() {
  const answer = await fetch(main.dataset.liveFrom, { method: "HEAD" }).catch(() => null);
  if (document.visibilityState === "hidden") return;
  if (answer?.status === 401) show("not live: your session has ended, reload to sign in");
  else if (answer?.ok) follow();
  else retry = setTimeout(askAgain, RETRY);
}

function rest() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

// A page that nobody sees needs no stream: twenty tabs hold one place.
function follows() {
  if (document.visibilityState === "hidden") rest();
  else if (!source) follow();
}

document.addEventListener("visibilitychange", follows);
addEventListener("pagehide", rest);
addEventListener("pageshow", follows);
