"use strict";
/* Comforts of the newsletter pages; each works without this file. */

// How long a subject is while it is written.
for (const shown of document.querySelectorAll("[data-count-of]")) {
  const input = document.getElementById(shown.dataset.countOf);
  input?.addEventListener("input", () => { shown.textContent = [...input.value].length; });
}

// The seconds before sending starts. The page asks the server too; this only fills the gaps.
const ticker = setInterval(() => {
  const shown = document.querySelector("[data-until]");
  if (!shown) { clearInterval(ticker); return; }
  const left = Math.max(0, Math.round((new Date(shown.dataset.until) - Date.now()) / 1000));
  shown.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}, 1000);
