// Lines of commands: each of its own, so that what wraps is indented; short words stay whole.
function wrapCommands() {
  for (const block of document.querySelectorAll(".highlight-none pre")) {
    const lines = block.textContent.replace(/\n$/, "").split("\n");
    block.replaceChildren(...lines.map((line) => {
      const row = document.createElement("span");
      row.className = "command";
      for (const word of line.split(/( +)/)) {
        const whole = document.createElement("span");
        if (word.trim() && word.length < 32) whole.className = "word";
        whole.textContent = word;
        row.append(whole);
      }
      if (!line) row.append("\n");
      return row;
    }));
  }
}

// What scrolls sideways can be reached and scrolled with the keyboard.
function reachScrolling() {
  for (const box of document.querySelectorAll(".table-wrapper, div.math, pre, p:has(> img)")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

// Paths and long names in tables may wrap after a slash, a dot or an underscore.
function breakPaths() {
  for (const part of document.querySelectorAll(".table-wrapper :is(code .pre, th p)")) {
    if (part.childElementCount) continue;
    const pieces = part.textContent.split(/(?<=[/._])(?=\w)/);
    part.replaceChildren(...pieces.flatMap((piece) => [piece, document.createElement("wbr")]));
  }
}

// An interval stays on one line.
function keepIntervals() {
  for (const part of document.querySelectorAll(".table-wrapper td :is(p, sub)")) {
    if (part.childElementCount) continue;
    const pieces = part.textContent.split(/(\([\d.,]+–[\d.,]+\)|\[[-+\d.]+, [-+\d.]+\])/);
    part.replaceChildren(...pieces.map((piece, place) => {
      if (place % 2 == 0) return piece;
      const whole = document.createElement("span");
      whole.className = "word";
      whole.textContent = piece;
      return whole;
    }));
  }
}

// Tables of four columns and more with sentences become cards on a phone: each cell has its heading.
function labelCards() {
  for (const table of document.querySelectorAll(".table-wrapper table")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
    const cells = [...table.querySelectorAll("tbody td")];
    const longest = Math.max(...cells.map((cell) => cell.textContent.length));
    if (heads.length < 4 || longest < 60) continue;
    table.classList.add("cards");
    for (const cell of cells) {
      cell.dataset.label = heads[cell.cellIndex];
      cell.classList.toggle("blank", !cell.textContent.trim());
    }
  }
}

// The parameters of a long signature are a list: Sphinx writes definitions without terms.
function listParameters() {
  for (const list of document.querySelectorAll("dt.sig dl")) {
    list.setAttribute("role", "list");
    for (const item of list.children) item.setAttribute("role", "listitem");
  }
}

addEventListener("DOMContentLoaded", listParameters);
addEventListener("DOMContentLoaded", wrapCommands);
addEventListener("DOMContentLoaded", breakPaths);
addEventListener("DOMContentLoaded", keepIntervals);
addEventListener("DOMContentLoaded", labelCards);
addEventListener("load", reachScrolling);
addEventListener("resize", reachScrolling);
