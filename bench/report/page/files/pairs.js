// Head to head: the difference of two methods, how certain it is, and the documents that make it.
const SHOWN = 5;
const page = window.readbench;
const { node } = page;
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;

// The pairs stand one after the other: first with second, first with third, …, second with third.
const gapOf = (known, first, second) => {
  const [low, high] = [Math.min(first, second), Math.max(first, second)];
  const place = low * known.methods.length - (low * (low + 1)) / 2 + (high - low - 1);
  const [difference, from, to, p] = known.gaps[place];
  const turned = (value) => (value === null ? null : -value);
  return first < second
    ? { difference, from, to, p }
    : { difference: turned(difference), from: turned(to), to: turned(from), p };
};

const verdictOf = (known, first, second) => {
  const gap = gapOf(known, first, second);
  const [a, b] = [known.methods[first], known.methods[second]];
  const line = node("p");
  if (gap.difference === null) {
    line.append(`${known.metric} has no value for one of them.`);
    return line;
  }
  line.append(`${known.metric} of A minus B: `, node("strong", signed(gap.difference)));
  const interval =
    gap.from === null ? "no interval" : `95 % interval of this pair ${signed(gap.from)} to ${signed(gap.to)}`;
  line.append(` (${interval}). `);
  if (gap.p === null) {
    line.append("Whether it is significant was not tested.");
  } else if (gap.p > 0.05) {
    line.append(
      `The difference is not significant (p = ${gap.p.toFixed(3)}, corrected for all pairs; ${known.test}).`,
    );
  } else {
    const better = gap.difference * known.better > 0 ? a : b;
    const p = gap.p < 0.001 ? "p < 0.001" : `p = ${gap.p.toFixed(3)}`;
    line.append(
      node("strong", better, "better"),
      ` is better (${p}, corrected for all pairs; ${known.test}).`,
    );
  }
  return line;
};

const listOf = (heading, places, task, data, a, b) => {
  const part = node("div");
  part.append(node("h4", heading));
  const list = node("ul");
  for (const place of places) {
    const id = data.ids[task.documents[place]];
    const link = node("a", page.titleOf(data, task.documents[place]));
    link.href = page.linkTo(id, task.methods[a], task.task);
    const scores = [a, b].map((method) => (task.scores[method][place] / 1000).toFixed(2));
    const item = node("li");
    item.append(link, ` ${scores[0]} against ${scores[1]}`);
    list.append(item);
  }
  part.append(places.length ? list : node("p", "none"));
  return part;
};

const mostApart = async (section, known, first, second) => {
  const data = await page.documents();
  const task = data?.tasks.find((one) => one.task === known.task);
  const [a, b] = [first, second].map((place) => task?.methods.indexOf(known.methods[place]) ?? -1);
  const holder = section.querySelector(".apart");
  if (a < 0 || b < 0) return;
  const gaps = task.documents.map((_, place) => {
    const [x, y] = [task.scores[a][place], task.scores[b][place]];
    return x === null || y === null ? 0 : (x - y) * task.better;
  });
  const order = [...gaps.keys()].sort((x, y) => gaps[y] - gaps[x] || x - y);
  const forA = order.slice(0, SHOWN).filter((place) => gaps[place] > 0);
  const forB = order
    .slice(-SHOWN)
    .reverse()
    .filter((place) => gaps[place] < 0);
  holder.replaceChildren(
    listOf(`A is most ahead (${task.metric})`, forA, task, data, a, b),
    listOf(`B is most ahead (${task.metric})`, forB, task, data, a, b),
  );
};

for (const section of document.querySelectorAll(".pair")) {
  const known = JSON.parse(section.querySelector(".gaps").textContent);
  const [first, second] = [section.querySelector(".first"), section.querySelector(".second")];
  const show = (chosen) => {
    section
      .querySelector(".verdict")
      .replaceChildren(
        first.value === second.value
          ? node("p", "Choose two methods.")
          : verdictOf(known, first.selectedIndex, second.selectedIndex),
      );
    if (chosen) mostApart(section, known, first.selectedIndex, second.selectedIndex);
  };
  second.selectedIndex = 1;
  for (const select of [first, second]) select.addEventListener("change", () => show(true));
  section.querySelector(".tools").hidden = false;
  show(false);
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    show(true);
  });
  seen.observe(section);
}
