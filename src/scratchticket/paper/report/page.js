"use strict";
const form = document.querySelector("form");
const filters = document.querySelector("#filters");
const panels = [...document.querySelectorAll(".panel")];
const marked = [...document.querySelectorAll("[data-percent], [data-method]")];
const records = [...document.querySelectorAll("[data-record]")];
const sections = [...document.querySelectorAll("section:has(.panel)")];
const texts = new Map();
for (const panel of panels) {
  const section = panel.closest("section");
  const about = [...section.querySelectorAll(":scope > h2, :scope > p")];
  texts.set(panel, [...about, panel].map((part) => part.textContent).join(" ").toLowerCase());
}
for (const row of records) {
  texts.set(row, `${row.dataset.record} ${row.textContent}`.toLowerCase());
}

function chosen(name) { return form.elements[name].value; }

function among(value, values) { return value === "" || values.split("|").includes(value); }

function fits(part) {
  const text = chosen("text").trim().toLowerCase();
  return among(chosen("network"), part.dataset.network) && among(chosen("data"), part.dataset.data)
    && among(chosen("method"), part.dataset.methods) && texts.get(part).includes(text);
}

// Filtering must not move the section being read; if that is hidden, the next visible one takes its place.
function reading() {
  const top = form.getBoundingClientRect().bottom;
  const all = [...document.querySelectorAll("section")];
  const index = all.findIndex((part) => !part.hidden && part.getBoundingClientRect().bottom > top + 1);
  return { all, index, top, was: index < 0 ? 0 : all[index].getBoundingClientRect().top };
}

function stay({ all, index, top, was }) {
  if (index < 0 || was > top) return;
  const next = all.slice(index).find((part) => !part.hidden);
  const same = next === all[index];
  window.scrollBy({ top: next.getBoundingClientRect().top - (same ? was : top), behavior: "instant" });
}

function filter() {
  const place = reading(), ratio = chosen("ratio"), method = chosen("method");
  for (const part of [...panels, ...records]) part.hidden = !fits(part);
  for (const part of marked) {
    const { percent, method: own } = part.dataset;
    part.hidden = (ratio !== "" && percent !== undefined && percent !== ratio)
      || (method !== "" && own !== undefined && own !== method);
  }
  for (const section of sections) {
    section.hidden = [...section.querySelectorAll(".panel")].every((panel) => panel.hidden);
    for (const line of document.querySelectorAll(`[data-of="${section.id}"]`)) line.hidden = section.hidden;
  }
  document.body.classList.toggle("detailed", form.elements.more.checked);
  const count = (parts) => `${parts.filter((part) => !part.hidden).length} of ${parts.length}`;
  document.querySelector("#shown").textContent = `${count(panels)} panels, ${count(records)} jobs`;
  stay(place);
}

filters.open = matchMedia("(min-width: 60rem)").matches;
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
