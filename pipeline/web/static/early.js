// Sets the remembered theme before anything is drawn, so that the page never flashes.
(() => {
  try {
    const theme = localStorage.getItem("cleanplate-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // a browser that keeps nothing shows what the system asks for
  }
})();
