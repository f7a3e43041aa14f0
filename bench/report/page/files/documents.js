// The document browser: which documents are listed, in which order, and which one is shown.
const page = window.readbench;
const { node } = page;
const control = (id) => document.getElementById(id);

const STEPS = {
  ArrowDown: 1,
  j: 1,
  ArrowUp: -1,
  k: -1,
  PageDown: 10,
  PageUp: -10,
  Home: -Infinity,
  End: Infinity,
};

// What a filter keeps, and how an order compares; both are asked with the places of documents in their task.
const KEEPS = {
  all: () => true,
  only: (browser, place) => browser.scoreOfA(place) > 0 && browser.scoreOfB(place) <= 0,
  better: (browser, place) => browser.gap(place) > 0,
  worse: (browser, place) => browser.gap(place) < 0,
  wrong: (browser, place) => browser.every(place).length > 0 && browser.every(place).every((one) => one <= 0),
  right: (browser, place) => browser.every(place).length > 0 && browser.every(place).every((one) => one > 0),
};
const ORDERS = {
  file: () => 0,
  apart: (browser, a, b) => Math.abs(browser.gap(b)) - Math.abs(browser.gap(a)),
  hardest: (browser, a, b) => browser.mean(a) - browser.mean(b),
  worst: (browser, a, b) => (browser.scoreOfA(a) ?? Infinity) - (browser.scoreOfA(b) ?? Infinity),
};

class DocumentBrowser {
  constructor(data) {
    this.data = data;
    this.task = data.tasks[0];
    this.shown = [];
    this.at = 0;
    this.lower = null;
    [this.ofTask, this.first, this.second] = ["of-task", "first", "second"].map(control);
    [this.search, this.filter, this.order] = ["search", "filter", "order"].map(control);
    [this.list, this.detail, this.count] = ["list", "detail", "count"].map(control);
  }

  // Higher is better, whatever the metric; null where the document does not count.
  score(method, place) {
    const value = this.task.scores[method][place];
    return value === null ? null : value * this.task.better;
  }

  scoreOfA(place) {
    return this.score(this.first.selectedIndex, place);
  }

  scoreOfB(place) {
    return this.score(this.second.selectedIndex, place);
  }

  gap(place) {
    return (this.scoreOfA(place) ?? 0) - (this.scoreOfB(place) ?? 0);
  }

  every(place) {
    return this.task.methods.map((_, method) => this.score(method, place)).filter((one) => one !== null);
  }

  mean(place) {
    const known = this.every(place);
    return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : Infinity;
  }

  idOf(place) {
    return this.data.ids[this.task.documents[place]];
  }

  holds(place, words) {
    const one = this.task.documents[place];
    return (this.lower[one] ?? "").includes(words) || this.data.ids[one].toLowerCase().includes(words);
  }

  // Lists anew what is asked for, and shows the named document, or else the one before, where it is listed.
  refresh(id) {
    const words = this.search.value.trim().toLowerCase();
    if (words) {
      this.lower ??= (this.data.texts ?? []).map(([fields]) => fields.join("\n").toLowerCase());
    }
    const wanted = id ?? this.idOf(this.shown[this.at]);
    const keeps = KEEPS[this.filter.value];
    const compare = ORDERS[this.order.value];
    this.shown = this.task.documents
      .map((_, place) => place)
      .filter((place) => keeps(this, place) && (!words || this.holds(place, words)))
      .sort((a, b) => compare(this, a, b) || a - b);
    this.count.textContent = `${this.shown.length} of ${this.task.documents.length} documents`;
    this.list.replaceChildren(...this.shown.map((place, row) => this.item(place, row)));
    const found = this.shown.findIndex((place) => this.idOf(place) === wanted);
    this.select(Math.max(0, found));
    const chosen = this.list.children[this.at];
    if (chosen) this.list.scrollTop = chosen.offsetTop - this.list.offsetTop - 80;
  }

  item(place, row) {
    const made = node("li");
    made.id = `document-${row}`;
    made.setAttribute("role", "option");
    const value = this.task.scores[this.first.selectedIndex][place];
    made.append(
      node("bdi", page.titleOf(this.data, this.task.documents[place])),
      node("small", `${this.idOf(place)} · A ${page.shownScore(value)}`),
    );
    return made;
  }

  select(row) {
    this.list.querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
    if (!this.shown.length) {
      this.list.removeAttribute("aria-activedescendant");
      this.detail.replaceChildren(node("p", "No document is like that."));
      return;
    }
    this.at = Math.max(0, Math.min(this.shown.length - 1, row));
    const chosen = this.list.children[this.at];
    chosen.setAttribute("aria-selected", "true");
    this.list.setAttribute("aria-activedescendant", chosen.id);
    const place = this.shown[this.at];
    this.detail.replaceChildren(...page.detailOf(this.data, this.task, place, this.first.selectedIndex));
  }

  step(row) {
    this.select(row);
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  setTask(index) {
    this.task = this.data.tasks[index];
    this.ofTask.selectedIndex = index;
    const { methods } = this.task;
    [this.first, this.second].forEach((select, place) => {
      select.replaceChildren(...methods.map((method) => node("option", method)));
      select.selectedIndex = Math.min(place, methods.length - 1);
    });
    this.second.closest("label").hidden = methods.length < 2;
    control("legend").hidden = !this.data.texts || this.task.task === "classification";
  }

  // Shows the document that the address names; false where it names none.
  go() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (!wanted.has("d")) return false;
    const { tasks } = this.data;
    const named = tasks.findIndex((one) => one.task === wanted.get("t"));
    const having = tasks.findIndex((one) => one.methods.includes(wanted.get("m")));
    const index = Math.max(0, named >= 0 ? named : having);
    if (this.task !== tasks[index]) this.setTask(index);
    const method = this.task.methods.indexOf(wanted.get("m"));
    if (method >= 0) this.first.selectedIndex = method;
    [this.search.value, this.filter.value, this.order.value] = ["", "all", "file"];
    this.refresh(wanted.get("d"));
    control("documents").scrollIntoView();
    this.list.focus({ preventScroll: true });
    return true;
  }

  listen() {
    this.list.addEventListener("keydown", (event) => {
      if (!(event.key in STEPS) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.step(this.at + STEPS[event.key]);
    });
    this.list.addEventListener("click", (event) => {
      const chosen = event.target.closest("li");
      if (chosen) this.step([...this.list.children].indexOf(chosen));
    });
    this.ofTask.addEventListener("change", () => {
      this.setTask(this.ofTask.selectedIndex);
      this.refresh();
    });
    for (const select of [this.first, this.second, this.filter, this.order]) {
      select.addEventListener("change", () => this.refresh());
    }
    this.search.addEventListener("input", () => this.refresh());
    window.addEventListener("hashchange", () => this.go());
  }
}

// Unpacks the documents when they come near, or when a link names one.
const note = control("unpacking");
const namesOne = () => new URLSearchParams(location.hash.slice(1)).has("d");
let begun = false;
const begin = async () => {
  if (begun) return;
  begun = true;
  note.hidden = false;
  try {
    const browser = new DocumentBrowser(await page.documents());
    browser.listen();
    browser.ofTask.closest("label").hidden = browser.data.tasks.length < 2;
    control("browser").hidden = false;
    browser.setTask(0);
    if (!browser.go()) browser.refresh();
    note.hidden = true;
  } catch (error) {
    note.textContent = `The documents could not be unpacked: ${error.message}`;
    throw error;
  }
};

if (note) {
  const near = new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && begin(), {
    rootMargin: "600px",
  });
  near.observe(control("documents"));
  window.addEventListener("hashchange", () => namesOne() && begin());
  if (namesOne()) begin();
}
