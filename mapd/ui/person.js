// Keeps the person's name in this browser, so that a reload makes nobody else of them. See cookie.py.
{
  const said = document.querySelector("[data-mapd-person]");
  const kept = "path=/; max-age=31536000; samesite=strict";
  if (said) document.cookie = `mapd_person=${encodeURIComponent(said.dataset.mapdPerson)}; ${kept}`;
}
