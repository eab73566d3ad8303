/* The light and the dark theme. */
"use strict";

/** Makes the button change the theme, which is the system's at first. Paper is always light. */
function connectTheme(onChange = () => {}) {
  const root = document.documentElement.dataset, button = document.getElementById("theme");
  root.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const nameTheme = () => { button.textContent = root.theme === "dark" ? "Light theme" : "Dark theme"; };
  nameTheme();
  button.addEventListener("click", () => {
    root.theme = root.theme === "dark" ? "light" : "dark";
    nameTheme();
    onChange();
  });
  let chosen = root.theme;
  matchMedia("print").addEventListener("change", ({ matches: isPrinting }) => {
    if (isPrinting) chosen = root.theme;
    root.theme = isPrinting ? "light" : chosen;
    onChange();
  });
}
