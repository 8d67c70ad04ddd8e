// What the pages do in the browser besides links and forms: theme, menu, busy state, live figures.
(() => {
  const root = document.documentElement;
  const announce = (text) => { document.getElementById("announcer").textContent = text; };

  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const toggleTheme = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("tiergate-theme", root.dataset.theme);
    document.dispatchEvent(new CustomEvent("themechange"));
    announce(`${root.dataset.theme} theme`);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (!root.dataset.theme) document.dispatchEvent(new CustomEvent("themechange"));
  });

  const menu = (open) => {
    root.classList.toggle("menu-open", open);
    document.getElementById("menu-button")?.setAttribute("aria-expanded", String(open));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (button?.dataset.action === "theme") toggleTheme();
    if (button?.dataset.action === "menu") menu(!root.classList.contains("menu-open"));
    if (!event.target.closest(".sidebar, [data-action=menu]")) menu(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") menu(false);
  });
  document.addEventListener("change", (event) => {
    if (event.target.closest("[data-submit]")) event.target.form.requestSubmit();
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id !== "page") return;
    menu(false);
    document.title = document.querySelector("#page")?.dataset.title ?? document.title;
    for (const link of document.querySelectorAll(".sidebar a")) {
      const here = location.pathname === link.pathname;
      here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
    }
    announce(`${document.title}, updated`);
  });
  for (const kind of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(kind, () => {
      const box = document.getElementById("trouble");
      box.hidden = false;
      box.textContent = "The gateway did not answer. What you see is from before; try again.";
    });
  }
  document.addEventListener("htmx:beforeRequest", () => { document.getElementById("trouble").hidden = true; });

  const live = document.getElementById("live");
  if (live && window.EventSource) {
    const source = new EventSource(live.dataset.source);
    let silence;
    source.addEventListener("figures", (event) => {
      live.dataset.state = "on";
      clearTimeout(silence);
      silence = setTimeout(() => { live.dataset.state = "off"; }, 8000);
      for (const [name, text] of Object.entries(JSON.parse(event.data))) {
        for (const place of document.querySelectorAll(`[data-live="${name}"]`)) {
          if (place.textContent !== text) place.textContent = text;
        }
      }
    });
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) live.dataset.state = "off"; });
    addEventListener("pagehide", () => source.close());
  }
})();
