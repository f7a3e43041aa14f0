// The document browser: a list of documents, and one of them with gold and every prediction marked.
const page = window.readbench;
const browser = document.getElementById("browser");
const packed = document.getElementById("documents-data");

const node = (name, text = "", className = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};

let unpacked = null;
// The data of all documents, unpacked when they are first needed; null where the page has none.
page.documents = () => {
  if (!packed) return Promise.resolve(null);
  unpacked ??= page.unpack("documents-data");
  return unpacked;
};

// The field that tells documents apart: the first one, unless most of them share it (an instruction).
const titleField = (data) => {
  const distinct = (field) => new Set(data.texts.map(([fields]) => fields[field])).size;
  const found = data.fields.findIndex((_, field) => distinct(field) > data.ids.length / 2);
  return Math.max(0, found);
};

page.titleOf = (data, document) => {
  if (!data.texts) return data.ids[document];
  data.titleField ??= titleField(data);
  const fields = data.texts[document][0];
  const text = fields[data.titleField].trim() || fields.find((field) => field.trim()) || data.ids[document];
  return text.length > 140 ? `${text.slice(0, 139)}…` : text;
};

page.linkTo = (id, method, task) =>
  `#d=${encodeURIComponent(id)}&m=${encodeURIComponent(method)}&t=${encodeURIComponent(task)}`;

const start = (data) => {
  const control = (id) => document.getElementById(id);
  const [ofTask, first, second] = ["of-task", "first", "second"].map(control);
  const [search, filter, order] = ["search", "filter", "order"].map(control);
  const [list, detail, count] = ["list", "detail", "count"].map(control);
  let task = data.tasks[0];
  let shown = [];
  let at = 0;
  let lower = null;

  // -- which documents, in which order ----------------------------------------------------------------

  // Higher is better, whatever the metric; null where the document does not count.
  const score = (method, place) => {
    const value = task.scores[method][place];
    return value === null ? null : value * task.better;
  };
  const every = (place) => task.methods.map((_, method) => score(method, place)).filter((one) => one !== null);
  const mean = (place) => {
    const known = every(place);
    return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : Infinity;
  };
  const gap = (place) => (score(first.selectedIndex, place) ?? 0) - (score(second.selectedIndex, place) ?? 0);
  const keeps = {
    all: () => true,
    only: (place) => score(first.selectedIndex, place) > 0 && score(second.selectedIndex, place) <= 0,
    better: (place) => gap(place) > 0,
    worse: (place) => gap(place) < 0,
    wrong: (place) => every(place).length > 0 && every(place).every((one) => one <= 0),
    right: (place) => every(place).length > 0 && every(place).every((one) => one > 0),
  };
  const byOrder = {
    file: () => 0,
    apart: (a, b) => Math.abs(gap(b)) - Math.abs(gap(a)),
    hardest: (a, b) => mean(a) - mean(b),
    worst: (a, b) => (score(first.selectedIndex, a) ?? Infinity) - (score(first.selectedIndex, b) ?? Infinity),
  };

  const refresh = (wantedId) => {
    const words = search.value.trim().toLowerCase();
    if (words) lower ??= (data.texts ?? []).map(([fields]) => fields.join("\n").toLowerCase());
    const found = (place) => {
      const one = task.documents[place];
      return !words || (lower[one] ?? "").includes(words) || data.ids[one].toLowerCase().includes(words);
    };
    const before = wantedId ?? data.ids[task.documents[shown[at]]];
    shown = task.documents.map((_, place) => place).filter((place) => keeps[filter.value](place) && found(place));
    shown.sort((a, b) => byOrder[order.value](a, b) || a - b);
    count.textContent = `${shown.length} of ${task.documents.length} documents`;
    list.replaceChildren(...shown.map(item));
    at = Math.max(0, shown.findIndex((place) => data.ids[task.documents[place]] === before));
    select(at, false);
  };

  const item = (place, row) => {
    const one = task.documents[place];
    const made = node("li");
    made.id = `document-${row}`;
    made.setAttribute("role", "option");
    made.append(node("bdi", page.titleOf(data, one)));
    const value = task.scores[first.selectedIndex][place];
    const figures = [data.ids[one], `A ${value === null ? "–" : (value / 1000).toFixed(2)}`];
    made.append(node("small", figures.join(" · ")));
    return made;
  };

  // -- one document -----------------------------------------------------------------------------------

  const select = (row, focus = true) => {
    list.querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
    if (!shown.length) {
      list.removeAttribute("aria-activedescendant");
      detail.replaceChildren(node("p", "No document is like that."));
      return;
    }
    at = Math.max(0, Math.min(shown.length - 1, row));
    const chosen = list.children[at];
    chosen.setAttribute("aria-selected", "true");
    list.setAttribute("aria-activedescendant", chosen.id);
    if (focus) chosen.scrollIntoView({ block: "nearest" });
    else list.scrollTop = chosen.offsetTop - list.offsetTop - 80;
    showDocument(shown[at]);
  };

  const showDocument = (place) => {
    const one = task.documents[place];
    const parts = [node("p", `${data.ids[one]} · ${data.words[one]} words`, "muted")];
    const answers = data.texts ? answersOf(place) : null;
    if (answers) parts.push(...textsOf(one, answers), goldOf(answers));
    parts.push(tableOf(place, answers));
    const link = node("a", "A link to this document");
    link.href = page.linkTo(data.ids[one], task.methods[first.selectedIndex], task.task);
    const about = node("p");
    about.append(link);
    parts.push(about);
    detail.replaceChildren(...parts);
  };

  // Gold and predictions of a document; `table` begins with gold, and everything else holds places in it.
  const answersOf = (place) => {
    const [goldCount, table, absent, same] = data.texts[task.documents[place]][1 + data.tasks.indexOf(task)];
    return { goldCount, table, absent, same, predicted: task.predicted[place], sure: task.sure[place] ?? [] };
  };

  const textsOf = (one, { goldCount, table, predicted }) => {
    const forms = (entry) => (Array.isArray(entry) ? (task.task === "extraction" ? entry.slice(1) : entry) : [entry]);
    const gold = task.task === "classification" ? [] : table.slice(0, goldCount).flatMap(forms);
    const said = task.task === "classification" ? [] : (predicted[first.selectedIndex] ?? []).flatMap((place) => forms(table[place]));
    return data.texts[one][0].filter((text) => text).map((text, place) => {
      const made = node(place === 0 && data.fields.length > 1 ? "h3" : "p", "", "text");
      made.append(...marked(text, gold, said));
      return made;
    });
  };

  // Where phrases stand in a text, as an array that says of each letter whether one covers it.
  const isWord = (letter) => letter !== undefined && /[\p{L}\p{N}]/u.test(letter) && !/[\u3005-\u30ff\u3400-\u9fff]/u.test(letter);
  const covered = (text, phrases) => {
    const small = text.toLowerCase();
    const found = new Uint8Array(text.length);
    if (small.length !== text.length) return found;
    for (const phrase of new Set(phrases.map((one) => one.toLowerCase()))) {
      for (let from = small.indexOf(phrase); from >= 0 && phrase; from = small.indexOf(phrase, from + 1)) {
        const to = from + phrase.length;
        const inside = (isWord(small[from - 1]) && isWord(small[from])) || (isWord(small[to]) && isWord(small[to - 1]));
        if (!inside) found.fill(1, from, to);
      }
    }
    return found;
  };

  const marked = (text, gold, said) => {
    const [inGold, inSaid] = [covered(text, gold), covered(text, said)];
    const parts = [];
    for (let from = 0; from < text.length; ) {
      let to = from + 1;
      while (to < text.length && inGold[to] === inGold[from] && inSaid[to] === inSaid[from]) to += 1;
      const classes = [inGold[from] ? "gold" : "", inSaid[from] ? "said-by" : ""].join(" ").trim();
      parts.push(classes ? node("mark", text.slice(from, to), classes) : text.slice(from, to));
      from = to;
    }
    return parts;
  };

  const textOf = (entry) => (Array.isArray(entry) ? entry[0] : entry);

  const goldOf = ({ goldCount, table, absent }) => {
    const line = node("p");
    line.append(node("strong", "Gold: "));
    if (!goldCount) line.append("none");
    table.slice(0, goldCount).forEach((entry, place) => {
      if (place) line.append("; ");
      line.append(node("bdi", textOf(entry)));
      if (absent.includes(place)) line.append(node("span", " (not in the text)", "muted"));
    });
    return line;
  };

  const tableOf = (place, answers) => {
    const table = node("table");
    const head = table.createTHead().insertRow();
    for (const name of ["method", task.metric, ...(answers ? ["predicted"] : [])]) {
      const cell = node("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    const body = table.createTBody();
    task.methods.forEach((method, index) => {
      const row = body.insertRow();
      if (index === first.selectedIndex) row.className = "chosen";
      const name = node("th", method);
      name.scope = "row";
      const value = task.scores[index][place];
      row.append(name, node("td", value === null ? "–" : (value / 1000).toFixed(2)));
      if (answers) row.append(predictedBy(index, answers));
    });
    return table;
  };

  const predictedBy = (method, { goldCount, table, same, predicted, sure }) => {
    const cell = node("td");
    const places = predicted[method];
    if (places === null) return node("td", "its predictions are gone");
    if (!places.length) return node("td", task.task === "classification" ? "no label" : "nothing");
    const isMatch = (place) => place < goldCount || same.some((one, index) => index % 2 === 0 && one === place);
    places.forEach((place, index) => {
      if (index) cell.append("; ");
      const match = isMatch(place);
      const text = node("bdi", `${match ? "✓ " : ""}${textOf(table[place])}`, match ? "match" : "");
      cell.append(text);
      const confidence = sure[method];
      if (index === 0 && typeof confidence === "number") cell.append(` ${confidence.toFixed(2)}`);
    });
    return cell;
  };

  // -- what the reader does -----------------------------------------------------------------------------

  const setTask = (index) => {
    task = data.tasks[index];
    ofTask.selectedIndex = index;
    for (const [control, place] of [[first, 0], [second, 1]]) {
      control.replaceChildren(...task.methods.map((method) => node("option", method)));
      control.selectedIndex = Math.min(place, task.methods.length - 1);
    }
    second.closest("label").hidden = task.methods.length < 2;
    document.getElementById("legend").hidden = !data.texts || task.task === "classification";
  };

  const go = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (!wanted.has("d")) return false;
    const named = data.tasks.findIndex((one) => one.task === wanted.get("t"));
    const having = data.tasks.findIndex((one) => one.methods.includes(wanted.get("m")));
    const index = Math.max(0, named >= 0 ? named : having);
    if (task !== data.tasks[index]) setTask(index);
    const method = task.methods.indexOf(wanted.get("m"));
    if (method >= 0) first.selectedIndex = method;
    [search.value, filter.value, order.value] = ["", "all", "file"];
    refresh(wanted.get("d"));
    document.getElementById("documents").scrollIntoView();
    list.focus({ preventScroll: true });
    return true;
  };

  const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
  list.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    select(at + steps[event.key]);
  });
  list.addEventListener("click", (event) => {
    const chosen = event.target.closest("li");
    if (chosen) select([...list.children].indexOf(chosen));
  });
  ofTask.addEventListener("change", () => {
    setTask(ofTask.selectedIndex);
    refresh();
  });
  for (const control of [first, second, filter, order]) control.addEventListener("change", () => refresh());
  search.addEventListener("input", () => refresh());
  window.addEventListener("hashchange", go);
  ofTask.closest("label").hidden = data.tasks.length < 2;
  browser.hidden = false;
  setTask(0);
  if (!go()) refresh();
};

if (packed) {
  const note = document.getElementById("unpacking");
  const begin = async () => {
    seen.disconnect();
    note.hidden = false;
    try {
      start(await page.documents());
      note.hidden = true;
    } catch (error) {
      note.textContent = `The documents could not be unpacked: ${error.message}`;
      throw error;
    }
  };
  const seen = new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && begin(), {
    rootMargin: "600px",
  });
  if (new URLSearchParams(location.hash.slice(1)).has("d")) {
    begin();
  } else {
    seen.observe(document.getElementById("documents"));
    // A link into the documents on this page, before they were unpacked.
    window.addEventListener("hashchange", () => browser.hidden && note.hidden && location.hash.startsWith("#d=") && begin());
  }
}
