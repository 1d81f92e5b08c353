// What keyboards and screen readers need, and the theme leaves out.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
  const reachable = () => {
    for (const wide of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code")) {
      if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    }
  };
  const unmark = () => {
    // buttons of one block: no landmark of the page
    for (const buttons of document.querySelectorAll("nav.md-code__nav")) buttons.setAttribute("role", "none");
  };
  window.addEventListener("load", () =>
    requestAnimationFrame(() => {
      reachable();
      unmark();
    }),
  );
  window.addEventListener("resize", reachable);
});
