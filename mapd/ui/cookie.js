// Keeps what the page says in this browser, so that a reload makes nobody else of a person. See cookie.py.
for (const said of document.querySelectorAll("[data-mapd-keep]")) {
  const kept = "path=/; max-age=31536000; samesite=strict";
  document.cookie = `${said.dataset.mapdKeep}=${encodeURIComponent(said.dataset.mapdValue)}; ${kept}`;
}
