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
  for (const box of document.querySelectorAll(".table-wrapper, div.math, pre")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("DOMContentLoaded", wrapCommands);
addEventListener("load", reachScrolling);
addEventListener("resize", reachScrolling);
