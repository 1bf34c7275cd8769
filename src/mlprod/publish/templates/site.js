// The site's own behaviour: to the twin page at the same section, diagrams in the page's colours, scrolling by keyboard.
(() => {
  "use strict";
  const base = document.currentScript.src.replace(/site\.js.*$/, "");

  // Sections carry the same anchors s-0, s-1… in both languages.
  const anchor = (section) =>
    [section.id, ...[...section.children].filter((child) => child.tagName === "SPAN").map((span) => span.id)].find((id) => /^s-\d+$/.test(id));
  document.querySelectorAll("a.twin").forEach((link) => {
    link.addEventListener("click", () => {
      const sections = [...document.querySelectorAll("article section")].filter(anchor);
      const passed = sections.filter((section) => section.getBoundingClientRect().top < 140);
      const at = passed.length ? anchor(passed.at(-1)) : null;
      if (at && at !== "s-0") link.hash = at;
      if (location.search.startsWith("?q=")) link.search = location.search;
    });
  });

  const diagrams = [...document.querySelectorAll("pre.mermaid")].map((place) => {
    const figure = document.createElement("div");
    figure.className = "diagram";
    const heading = place.closest("section")?.querySelector("h1, h2, h3, h4")?.firstChild?.textContent ?? "";
    place.replaceWith(figure);
    return { figure, text: place.textContent, heading };
  });
  let drawing = Promise.resolve();
  async function draw() {
    const dark = document.documentElement.dataset.theme === "dark";
    mermaid.initialize({ startOnLoad: false, theme: dark ? "dark" : "neutral", flowchart: { useMaxWidth: true }, sequence: { useMaxWidth: true } });
    for (const [n, { figure, text, heading }] of diagrams.entries()) {
      figure.innerHTML = (await mermaid.render("diagram-" + n, text)).svg;
      const image = figure.querySelector("svg");
      image.setAttribute("role", "img");
      image.setAttribute("aria-label", `${document.documentElement.lang === "es" ? "Diagrama" : "Diagram"}: ${heading}`);
    }
  }
  if (diagrams.length) {
    const script = document.createElement("script");
    script.src = base + "mermaid.min.js";
    script.onload = () => {
      const again = () => { drawing = drawing.then(draw); };
      again();
      new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    };
    document.head.append(script);
  }

  // Opened from the disk, a page may not fetch another: the search takes the words around a hit from texts.js.
  if (location.protocol === "file:" && document.querySelector("#search-results")) {
    const texts = new Promise((done) => {
      const script = document.createElement("script");
      script.src = base + "texts.js";
      script.onload = () => done(window.mlprodTexts);
      script.onerror = () => done({});
      document.head.append(script);
    });
    const top = base.replace(/_static\/$/, "");
    window.fetch = async (address) => {
      const name = new URL(address, location.href).href.replace(top, "").replace(/\.html$/, "");
      const page = document.createElement("main");
      page.setAttribute("role", "main");
      page.textContent = (await texts)[name] || "…";
      return new Response(page.outerHTML);
    };
  }

  // What scrolls sideways can be reached by Tab and scrolled by the arrows.
  const reachable = () => {
    document.querySelectorAll("article pre, .cell_output .output, .pst-scrollable-table-container").forEach((box) => {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else if (box.matches(".output")) box.removeAttribute("tabindex");
    });
  };
  addEventListener("load", reachable);
  addEventListener("resize", reachable);
})();
