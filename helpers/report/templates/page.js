"use strict";
document.documentElement.classList.add("scripted");

// One switch opens and folds all code.
const codeSwitch = document.getElementById("code-switch");
codeSwitch.hidden = false;
codeSwitch.addEventListener("click", () => {
  const open = codeSwitch.getAttribute("aria-pressed") !== "true";
  codeSwitch.setAttribute("aria-pressed", open);
  codeSwitch.querySelector(".long").textContent = open ? "Fold all code" : "Show all code";
  for (const code of document.querySelectorAll("details.code")) code.open = open;
});

// Print shows what is folded, but not the code.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details.more")) folded.open = true;
});

// A link into a fold, or to code, opens it.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target.scrollIntoView();
}
addEventListener("hashchange", unfold);
unfold();

// Headings have an address, code can be copied.
for (const heading of document.querySelectorAll("main :is(h2, h3)[id]:not(summary *)")) {
  const link = document.createElement("a");
  link.className = "permalink";
  link.href = `#${heading.id}`;
  link.textContent = "#";
  link.setAttribute("aria-label", `Link to “${heading.textContent}”`);
  heading.append(" ", link);
}
for (const code of navigator.clipboard ? document.querySelectorAll("main pre:not(.output)") : []) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent.trim());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  code.before(button);
}

// A link within the text shows what it leads to: a figure, a reference, a model, a claim.
const preview = document.getElementById("preview");
function look(link) {
  const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!target) return;
  const shown = target.matches("tr") ? target.cells[0] : target.matches(".table") ? target.querySelector(".caption, summary") : target;
  const parts = target.matches("figure") ? [...target.querySelectorAll("img:not(.comparison img), figcaption")] : shown.childNodes;
  preview.replaceChildren(...[...parts].map((part) => part.cloneNode(true)));
  for (const part of preview.querySelectorAll("[id]")) part.removeAttribute("id");
  for (const part of preview.querySelectorAll(".links")) part.remove();
  preview.hidden = false;
  const box = link.getBoundingClientRect();
  const below = box.bottom + preview.offsetHeight + 12 < innerHeight;
  preview.style.left = `${Math.max(8, Math.min(box.left, innerWidth - preview.offsetWidth - 8))}px`;
  preview.style.top = `${below ? box.bottom + 6 : Math.max(8, box.top - preview.offsetHeight - 6)}px`;
  link.setAttribute("aria-describedby", "preview");
}
function lookAway(link) {
  preview.hidden = true;
  link.removeAttribute("aria-describedby");
}
for (const link of document.querySelectorAll("main a:is([href^='#fig-'], [href^='#tab-'], [href^='#ref-'], [href^='#model-'], .judged a)")) {
  for (const event of ["mouseenter", "focus"]) link.addEventListener(event, () => look(link));
  for (const event of ["mouseleave", "blur", "click"]) link.addEventListener(event, () => lookAway(link));
}
addEventListener("keydown", (event) => { if (event.key === "Escape") preview.hidden = true; });

// On a wide screen the margin says what a model is, beside its first mention in a chapter.
for (const link of document.querySelectorAll(".cell > :is(p, ul, ol) a.model")) {
  const note = document.createElement("small");
  note.className = "note";
  note.setAttribute("aria-hidden", "true"); // the preview says the same
  const [name] = document.getElementById(link.hash.slice(1)).cells;
  note.append(...[...name.childNodes].map((part) => part.cloneNode(true)));
  link.closest(".cell > *").before(note);
}

// The side bar marks the last heading that passed the top of the window. The end of the page
// never gets there, so there the link that was followed counts.
const links = [...document.querySelectorAll("nav a")];
const places = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
function follow() {
  const passed = places.filter((place) => place.getBoundingClientRect().top < 120);
  const ended = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const followed = links.findIndex((link) => link.hash === location.hash);
  const reached = passed.length - 1;
  const now = !ended ? Math.max(0, reached) : followed >= reached && followed >= 0 ? followed : links.length - 1;
  if (links[now].hasAttribute("aria-current")) return;
  const bar = links[now].closest("nav");
  for (const item of bar.querySelectorAll(".here")) item.classList.remove("here");
  for (const link of links) link.removeAttribute("aria-current");
  links[now].setAttribute("aria-current", "true");
  const chapter = links[now].closest("nav > ol > li");
  chapter.classList.add("here");
  const shown = chapter.getBoundingClientRect();
  const frame = bar.getBoundingClientRect();
  const covered = getComputedStyle(codeSwitch).position === "sticky" ? codeSwitch.offsetWidth : 0;
  bar.scrollBy(shown.left - frame.left - covered - 8, shown.top < frame.top ? shown.top - frame.top
    : Math.max(0, shown.bottom - frame.bottom));
}
addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
addEventListener("resize", follow);
addEventListener("hashchange", follow);
follow();

// A click on a head sorts a table: by number if most cells begin with one, else by text.
function valueOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value ?? cell.textContent.trim();
}
function number(text) {
  const found = /^[-+−]?(\d[\d,]*)?\.?\d+/.exec(text);
  return found ? Number(found[0].replaceAll(",", "").replace("−", "-")) : NaN;
}
for (const table of document.querySelectorAll("table")) {
  const heads = table.tHead ? [...table.tHead.rows].at(-1).cells : [];
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2 || body.querySelector("[rowspan]")) continue;
  for (const head of heads) {
    if (head.tagName !== "TH") continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const column = head.cellIndex;
      const rising = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
      const numeric = rows.filter(([text]) => !Number.isNaN(number(text))).length * 2 > rows.length;
      const missing = (text) => numeric && Number.isNaN(number(text));
      rows.sort(([a], [b]) => {
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        const order = numeric ? number(a) - number(b) : a.localeCompare(b);
        return rising ? order : -order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  }
}

// A click on a picture shows it in full size.
const full = document.getElementById("full-size");
for (const picture of document.querySelectorAll("figure img:not(.layer img)")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "zoom";
  const whole = picture.closest("picture") ?? picture;
  whole.parentElement.removeAttribute("tabindex");
  whole.replaceWith(button);
  button.append(whole);
  button.addEventListener("click", () => {
    const copy = new Image();
    copy.src = picture.src;
    copy.alt = picture.alt;
    full.querySelector(".scroll").replaceChildren(copy);
    const figure = picture.closest("figure");
    full.querySelector("p").textContent = figure.querySelector("figcaption").innerText;
    const kind = /^data:image\/(\w+)/.exec(picture.src)[1];
    Object.assign(full.querySelector("a"), { href: picture.src, download: `${figure.id.slice(4) || "picture"}.${kind}` });
    full.showModal();
  });
}
full.addEventListener("click", (event) => { if (event.target === full) full.close(); });

// A grid of photos becomes a stack for each photo, and a slider uncovers its layers.
for (const grid of document.querySelectorAll(".comparison")) {
  const names = [...grid.querySelector(".photo").querySelectorAll(".layer span")].map((s) => s.textContent);
  const slide = document.createElement("div");
  slide.className = "slide";
  const range = document.createElement("input");
  Object.assign(range, { type: "range", min: 0, max: 100 * (names.length - 1), step: 5 });
  range.setAttribute("aria-label", `Uncover from ${names[0]} to ${names.at(-1)}`);
  const buttons = document.createElement("div");
  const layers = [...grid.querySelectorAll(".photo")].map((photo) => photo.querySelectorAll(".layer"));
  const show = () => {
    const at = range.value / 100;
    const below = Math.min(Math.floor(at), names.length - 2);
    range.setAttribute("aria-valuetext",
      Number.isInteger(at) ? names[at] : `${names[below + 1]} over ${names[below]}, ${Math.round(100 * (at - below))}%`);
    for (const stack of layers)
      stack.forEach((layer, i) => {
        const seen = i === 0 ? 1 : Math.min(Math.max(at - i + 1, 0), 1);
        layer.style.clipPath = `inset(0 ${100 * (1 - seen)}% 0 0)`;
      });
    [...buttons.children].forEach((button, i) => button.setAttribute("aria-pressed", i === at));
  };
  names.forEach((name, i) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: name });
    button.addEventListener("click", () => { range.value = 100 * i; show(); });
    buttons.append(button);
  });
  range.addEventListener("input", show);
  slide.append(range, buttons);
  grid.prepend(slide);
  grid.classList.add("slides");
  range.value = 100 * (names.length - 2);  // the version before the last
  show();
}
