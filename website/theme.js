// Dark or light: as the system has it, until the person chooses otherwise. Runs before the page is drawn.

(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  /** What `use` makes of the browser's storage; null where that is forbidden, and choices last as long as the page. */
  function storage(use) {
    try {
      return use(localStorage);
    } catch {
      return null;
    }
  }

  const choice = storage((kept) => kept.getItem("theme"));
  if (choice === "dark" || choice === "light") root.dataset.theme = choice;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    const tell = () => button.setAttribute("aria-pressed", String(isDark()));
    button.addEventListener("click", () => {
      const theme = isDark() ? "light" : "dark";
      root.dataset.theme = theme;
      storage((kept) => kept.setItem("theme", theme));
      tell();
    });
    system.addEventListener("change", tell);
    tell();
  });
})();
