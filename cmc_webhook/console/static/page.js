// Refreshes what the page shows when Firestore has news. Without this script everything else works.
"use strict";

const body = document.body;
const note = document.querySelector(".live");
const told = note && note.textContent;
const shortest = Number(body.dataset.refresh) * 1000;
// Nobody who waits for one answer in ten seconds should make the Firestore busy.
const PATIENCE = 5;
let known = null;
let behind = false;

async function mark() {
  const response = await fetch(body.dataset.live);
  if (!response.ok) throw new Error(response.status);
  return response.text();
}

function isInUse(part) {
  const read = part.hasAttribute("data-still") && (part.matches(":hover") || part.querySelector("[open]"));
  return read || part.contains(document.activeElement) || !getSelection().isCollapsed;
}

function markNewRows(part, before) {
  for (const row of part.querySelectorAll("[data-version]")) {
    row.classList.toggle("new", before.get(row.id) !== row.dataset.version);
  }
}

async function refresh() {
  const response = await fetch(body.dataset.here || location.href);
  if (!response.ok) throw new Error(response.status);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  behind = false;
  for (const part of document.querySelectorAll("[data-refreshed]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || fresh.isEqualNode(part)) continue;
    if (isInUse(part)) {
      behind = true; // what somebody reads or works in stays until they leave it
      continue;
    }
    const rows = [...part.querySelectorAll("[data-version]")];
    part.replaceChildren(...fresh.childNodes);
    markNewRows(part, new Map(rows.map((row) => [row.id, row.dataset.version])));
    showCopyButtons(part);
  }
}

function say(text) {
  note.hidden = false;
  // Written only if it is another, because readers for the blind tell every change.
  if (note.textContent !== text) note.textContent = text;
}

async function look() {
  const started = performance.now();
  if (!document.hidden) {
    try {
      const found = await mark();
      if (behind || (known !== null && found !== known)) await refresh();
      known = found;
      say(told);
    } catch {
      say(note.dataset.lost);
    }
  }
  setTimeout(look, Math.max(shortest, PATIENCE * (performance.now() - started)));
}

function showCopyButtons(part) {
  for (const button of part.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = button.dataset.copied;
    });
  }
}

showCopyButtons(document);
if (note) look();
