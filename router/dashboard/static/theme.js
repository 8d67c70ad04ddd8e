// The theme before anything is drawn: the reader's choice, else the system's.
(() => {
  const chosen = localStorage.getItem("tiergate-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
