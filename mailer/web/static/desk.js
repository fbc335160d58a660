"use strict";
/* Small comforts. Every page works without this file. */

// A menu closes when one goes elsewhere.
const menus = document.querySelectorAll("details.menu");
document.addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// After a mistake one starts reading at the summary.
document.getElementById("error-summary")?.focus();

// What was typed is not lost by a wrong turn.
for (const form of document.querySelectorAll("form[data-keep]")) {
  let isChanged = false;
  form.addEventListener("input", () => { isChanged = true; });
  form.addEventListener("submit", () => { isChanged = false; });
  window.addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
}

// A password can be looked at: nobody has to type it twice.
for (const input of document.querySelectorAll("input[type=password][data-show]")) {
  const wrap = document.createElement("div");
  wrap.className = "secret";
  input.replaceWith(wrap);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "secret-show";
  button.textContent = input.dataset.show;
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    const isHidden = input.type === "password";
    input.type = isHidden ? "text" : "password";
    button.textContent = isHidden ? input.dataset.hide : input.dataset.show;
  });
  wrap.append(input, button);
}
