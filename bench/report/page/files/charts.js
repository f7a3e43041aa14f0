// One highlight for a method over the table and all charts, and the charts that the reader chooses.
const page = window.readbench;

let lit = null;
let pinned = null;
const light = (mark) => {
  if (mark === lit) return;
  for (const element of document.querySelectorAll(".lit")) element.classList.remove("lit");
  lit = mark;
  if (mark === null) return;
  for (const element of document.querySelectorAll(`[data-m="${mark}"]`)) element.classList.add("lit");
};
const markOf = (event) => event.target.closest?.("[data-m]")?.dataset.m ?? null;
document.addEventListener("pointerover", (event) => light(markOf(event) ?? pinned));
document.addEventListener("focusin", (event) => light(markOf(event) ?? pinned));
document.addEventListener("click", (event) => {
  const mark = markOf(event);
  if (mark === null) return;
  pinned = pinned === mark ? null : mark;
  light(pinned);
});

let charts = null;
const parser = new DOMParser();
const drawn = (svg) => document.adoptNode(parser.parseFromString(svg, "image/svg+xml").documentElement);

for (const figure of document.querySelectorAll(".choice")) {
  const selects = [...figure.querySelectorAll("select")];
  const choose = async () => {
    charts ??= page.unpack("charts");
    const known = await charts;
    const key = [figure.dataset.task, figure.dataset.kind, ...selects.map((one) => one.value)].join("\n");
    const found = known[key];
    for (const holder of figure.querySelectorAll(":scope > div")) {
      const missing = document.createElement("p");
      missing.textContent = "No two methods have both.";
      const place = holder.className === "narrow" ? 1 : 0;
      holder.replaceChildren(found ? drawn(found[place]) : missing);
    }
  };
  for (const select of selects) select.addEventListener("change", choose);
  const tools = figure.querySelector(".tools");
  tools.hidden = selects.every((select) => select.options.length < 2);
}

// On a telephone the narrow charts, which a page on a screen never unpacks.
const slim = matchMedia("(max-width: 600px)");
const fill = async () => {
  if (!slim.matches) return;
  charts ??= page.unpack("charts");
  const known = await charts;
  for (const holder of document.querySelectorAll(".narrow:empty")) {
    holder.append(drawn(known[holder.dataset.chart][1]));
  }
};
slim.addEventListener("change", fill);
fill();
