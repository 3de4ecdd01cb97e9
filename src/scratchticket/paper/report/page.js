"use strict";
const form = document.querySelector("form");
const panels = [...document.querySelectorAll(".panel")];
const tickets = [...document.querySelectorAll("[data-percent]")];
const records = [...document.querySelectorAll("[data-record]")];

function chosen(name) { return form.elements[name].value; }

function filter() {
  const network = chosen("network"), data = chosen("data"), ratio = chosen("ratio");
  const text = chosen("text").trim().toLowerCase();
  for (const panel of panels) {
    panel.hidden = (network !== "" && !panel.dataset.network.split(" ").includes(network))
      || (data !== "" && !panel.dataset.data.split(" ").includes(data));
  }
  for (const cell of tickets) {
    cell.hidden = ratio !== "" && cell.dataset.percent !== ratio;
  }
  for (const section of document.querySelectorAll("section")) {
    const own = section.querySelectorAll(".panel");
    section.hidden = own.length > 0 && [...own].every((panel) => panel.hidden);
    const line = document.querySelector(`[data-of="${section.id}"]`);
    if (line !== null) line.hidden = section.hidden;
  }
  document.body.classList.toggle("detailed", form.elements.more.checked);
  let shown = 0;
  for (const row of records) {
    row.hidden = text !== "" && !row.dataset.record.includes(text);
    shown += row.hidden ? 0 : 1;
  }
  document.querySelector("#shown").textContent = `${shown} of ${records.length} jobs`;
}

form.addEventListener("input", filter);
form.addEventListener("reset", () => setTimeout(filter));
form.addEventListener("submit", (event) => event.preventDefault());
document.querySelector("#theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
filter();
