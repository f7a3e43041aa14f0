// What the other scripts share: the data that is packed into the page, and small helpers.
const page = (window.readbench ??= {});

// Base64 of compressed JSON. The text is freed once it is read.
page.unpack = async (id) => {
  const holder = document.getElementById(id);
  const letters = atob(holder.textContent);
  holder.textContent = "";
  // A loop: Uint8Array.from takes ten times as long for some megabytes.
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = letters.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
};

// The data of all documents, unpacked when they are first needed; null where the page has none.
let unpacked = null;
page.documents = () => {
  if (!document.getElementById("documents-data")) return Promise.resolve(null);
  unpacked ??= page.unpack("documents-data");
  return unpacked;
};

// An element with a text. Whatever comes from data, methods and models is put into the page by this alone.
page.node = (name, text = "", className = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};

// The field that tells documents apart: the first one, unless most of them share it (an instruction).
const titleField = (data) => {
  const distinct = (field) => new Set(data.texts.map(([fields]) => fields[field])).size;
  return Math.max(
    0,
    data.fields.findIndex((_, field) => distinct(field) > data.ids.length / 2),
  );
};

page.titleOf = (data, place) => {
  if (!data.texts) return data.ids[place];
  data.titleField ??= titleField(data);
  const fields = data.texts[place][0];
  const text = fields[data.titleField].trim() || fields.find((field) => field.trim()) || data.ids[place];
  return text.length > 140 ? `${text.slice(0, 139)}…` : text;
};

page.linkTo = (id, method, task) =>
  `#d=${encodeURIComponent(id)}&m=${encodeURIComponent(method)}&t=${encodeURIComponent(task)}`;

// Scores are thousandths; null where a document does not count.
page.shownScore = (value) => (value === null ? "–" : (value / 1000).toFixed(2));
