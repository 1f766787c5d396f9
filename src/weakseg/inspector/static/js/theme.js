// Before the first paint, so that a dark page never flashes white. The modules run later.
{
  const kept = localStorage.getItem("weakseg-theme");
  if (kept) document.documentElement.dataset.theme = kept;
}
