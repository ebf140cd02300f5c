// Keeps what a page says in this browser, so that a reload makes nobody else of a person. See cookie.py.

function keep() {
  for (const { dataset } of document.querySelectorAll("[data-mapd-keep]")) {
    const cookie = `${dataset.mapdKeep}=${encodeURIComponent(dataset.mapdValue)}`;
    if (document.cookie.split("; ").includes(cookie)) continue;
    document.cookie = `${cookie}; path=/; max-age=31536000; samesite=strict`;
  }
}

new MutationObserver(keep).observe(document.body, { subtree: true, childList: true });
keep();
