// Polls for changes and replaces the changed parts of the page. Everything else works without it.
"use strict";

const body = document.body;
const note = document.querySelector(".updating");
const updating = note && note.textContent;
const interval = Number(body.dataset.refresh) * 1000;
// Wait at least this many times as long as the last answer took, to spare a slow Firestore.
const PAUSE_FACTOR = 5;
let lastAnswer = null;
let outdated = false;

async function fetchText(url) {
  const response = await fetch(url);
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
  const text = await fetchText(body.dataset.here || location.href);
  const page = new DOMParser().parseFromString(text, "text/html");
  outdated = false;
  for (const part of document.querySelectorAll("[data-refreshed]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || fresh.isEqualNode(part)) continue;
    if (isInUse(part)) {
      outdated = true; // replaced when the reader has left it
      continue;
    }
    const rows = [...part.querySelectorAll("[data-version]")];
    part.replaceChildren(...fresh.childNodes);
    markNewRows(part, new Map(rows.map((row) => [row.id, row.dataset.version])));
  }
}

function say(text) {
  note.hidden = false;
  // Only if it differs: screen readers announce every change.
  if (note.textContent !== text) note.textContent = text;
}

async function poll() {
  const started = performance.now();
  if (!document.hidden) {
    try {
      const answer = await fetchText(body.dataset.polled);
      if (outdated || (lastAnswer !== null && answer !== lastAnswer)) await refresh();
      lastAnswer = answer;
      say(updating);
    } catch (error) {
      // The mail has expired: the page says so and leads back.
      if (error.message === "404") location.reload();
      say(note.dataset.failed);
    }
  }
  setTimeout(poll, Math.max(interval, PAUSE_FACTOR * (performance.now() - started)));
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  if (button.ariaLabel) button.ariaLabel = button.title = button.dataset.copied;
  else button.textContent = button.dataset.copied;
}

document.documentElement.classList.add("script");
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
if (note) poll();
