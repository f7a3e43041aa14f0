// Light, dark, or as the system: kept under a name of its own, because pages from files may share one store.
const KEY = "readbench.theme";
const THEMES = ["system", "light", "dark"];
const button = document.getElementById("theme");

const stored = () => {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
};

const show = (theme) => {
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
  button.textContent = theme === "system" ? "Theme: as the system" : `Theme: ${theme}`;
};

let theme = THEMES.includes(stored()) ? stored() : "system";
show(theme);
button.hidden = false;
button.addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  show(theme);
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser that keeps nothing shows the theme until the page is closed.
  }
});
