// Lays out the lecture: formulas and diagrams first, then blocks moved to further slides until none overflows.
(async () => {
  "use strict";
  const HEIGHT = 720, BOTTOM = 54, TABLE_STEPS = [1, 0.92, 0.84, 0.78];
  const slides = document.querySelector(".reveal .slides");
  const words = JSON.parse(document.querySelector(".reveal").dataset.words);

  async function draw() {
    const diagrams = [...document.querySelectorAll("pre.mermaid")];
    if (diagrams.length) {
      mermaid.initialize({ startOnLoad: false, theme: "neutral", fontSize: 20, flowchart: { useMaxWidth: false }, sequence: { useMaxWidth: false } });
      for (const [n, place] of diagrams.entries()) {
        const { svg } = await mermaid.render("diagram-" + n, place.textContent);
        const box = document.createElement("div");
        box.className = "drawn";
        box.innerHTML = svg;
        const image = box.querySelector("svg");
        image.setAttribute("role", "img");
        image.setAttribute("aria-label", words.diagram + ": " + (heading(place)?.textContent ?? ""));
        place.replaceWith(box);
      }
    }
    if (window.MathJax?.typesetPromise) await MathJax.typesetPromise([slides]);
    await document.fonts.ready;
    await Promise.all([...slides.querySelectorAll("img")].map((image) => image.decode().catch(() => {})));
  }

  const heading = (node) => node.closest("section").querySelector("h1, h2, h3");
  const bottom = (section) => {
    const top = section.getBoundingClientRect().top;
    return Math.max(0, ...[...section.children].map((child) => child.getBoundingClientRect().bottom - top));
  };
  const fits = (section) => bottom(section) <= HEIGHT - BOTTOM && widest(section) <= 1;
  const pictured = (section) => section.querySelector("img, .drawn") !== null;
  // how far the content of a block goes beyond its width, as a ratio
  const widest = (section) => Math.max(1, ...[...section.querySelectorAll(".block > *, .highlight pre")].map((node) => Math.max((node.scrollWidth - 2) / Math.max(1, node.clientWidth), (node.offsetWidth - 1) / node.closest(".block").clientWidth)));

  // Code and tables that are too wide: somewhat smaller, then with their lines wrapped.
  function narrow(block) {
    for (const step of block.querySelector("table") ? TABLE_STEPS : [0.94, 0.88, 0.82]) {
      if (widest(block.parentElement) <= 1) return;
      block.style.setProperty("--scale", step);
    }
    if (widest(block.parentElement) > 1) block.classList.add("wrapped");
  }

  // A block that is too tall even alone: smaller, within reason; what then remains is cut into rows, items or lines.
  function shrink(block, section) {
    const image = block.querySelector("img, .drawn svg");
    if (image) {
      const room = HEIGHT - BOTTOM - (block.getBoundingClientRect().top - section.getBoundingClientRect().top) - 8;
      const box = image.getBoundingClientRect();
      const factor = Math.min(room / box.height, block.clientWidth / box.width, 1);
      image.style.maxWidth = "none";
      image.style.width = box.width * factor + "px";
      image.style.height = box.height * factor + "px";
      return;
    }
    for (const step of TABLE_STEPS) {
      block.style.setProperty("--scale", step);
      if (fits(section)) return;
    }
  }

  const UNITS = "tbody > tr, :scope > ol > li, :scope > ul > li";
  // Moves the last rows, items or lines of `block` to a copy of it until `section` fits; null when it cannot be cut.
  function cut(block, section) {
    const units = [...block.querySelectorAll(UNITS)];
    const copy = block.cloneNode(true);
    if (units.length > 1) {
      const copies = [...copy.querySelectorAll(UNITS)];
      let kept = units.length;
      while (kept > 1 && !fits(section)) units[--kept].remove();
      copies.slice(0, kept).forEach((unit) => unit.remove());
      const list = copy.querySelector(":scope > ol");
      if (list) list.start = (block.querySelector(":scope > ol").start || 1) + kept;
    } else if (block.querySelector("pre.out")) {
      const pre = block.querySelector("pre.out"), lines = pre.textContent.split("\n");
      let kept = lines.length;
      while (kept > 1 && !fits(section)) pre.textContent = lines.slice(0, --kept).join("\n");
      copy.querySelector("pre.out").textContent = lines.slice(kept).join("\n");
    } else return null;
    if (!fits(section)) return null;
    copy.querySelector(".note")?.remove();
    return copy;
  }

  function paginate(section) {
    const title = section.querySelector(":scope > h1, :scope > h2, :scope > h3");
    const head = [...section.children].filter((node) => !node.classList.contains("block"));
    const queue = [...section.children].filter((node) => node.classList.contains("block"));
    queue.forEach((block) => block.remove());
    let current = section, placed = [];
    const next = () => {
      const fresh = document.createElement("section");
      fresh.className = "plain more";
      if (title) {
        const again = document.createElement("h3");
        again.innerHTML = title.innerHTML;
        fresh.append(again);
      }
      current.after(fresh);
      current = fresh;
      placed = [];
    };
    if (section.classList.contains("title") && head.length) placed = [];
    while (queue.length) {
      const block = queue.shift();
      current.append(block);
      narrow(block);
      if (fits(current) || block.matches(".said, .button")) { placed.push(block); continue; }
      // a table that lacks little is set smaller: no row goes to the next slide by itself
      if (block.querySelector("table")) {
        const before = block.style.getPropertyValue("--scale");
        for (const step of TABLE_STEPS) {
          if (!fits(current) && step < (before || 1)) block.style.setProperty("--scale", step);
        }
        if (fits(current)) { placed.push(block); continue; }
        block.style.setProperty("--scale", before || 1);
      }
      const image = block.querySelector("img, .drawn svg");
      const room = HEIGHT - BOTTOM - (block.getBoundingClientRect().top - current.getBoundingClientRect().top);
      if (placed.length && image && room > 0.72 * image.getBoundingClientRect().height && room > 260) {
        shrink(block, current);
        if (fits(current)) { placed.push(block); continue; }
      }
      if (placed.length) {
        // a list or table with room for a few of its rows stays; the rest follows on the next slide
        const units = block.querySelectorAll(UNITS).length;
        if (room > 300 && units > 5) {
          const rest = cut(block, current);
          if (rest) { queue.unshift(rest); next(); continue; }
        }
        block.remove();
        const along = [];
        while (placed.length > 1 && "leads" in placed.at(-1).dataset) along.unshift(placed.pop());
        along.forEach((one) => one.remove());
        queue.unshift(...along, block);
        next();
        continue;
      }
      shrink(block, current);
      if (!fits(current)) {
        const rest = cut(block, current);
        if (rest) queue.unshift(rest);
      }
      placed.push(block);
      if (queue.length && !fits(current)) next();
    }
  }

  // A slide without a heading of its own goes below the one before if both fit, unless a question waits for its answer.
  function merge(stack) {
    for (const section of [...stack.children].slice(1)) {
      const before = section.previousElementSibling;
      if (!section.dataset.goes || before.classList.contains("title") || pictured(section) || pictured(before)) continue;
      if (before.querySelector(".question") || section.querySelector(".question")) continue;
      const blocks = [...section.querySelectorAll(":scope > .block")];
      before.append(...blocks);
      if (fits(before)) section.remove();
      else section.append(...blocks);
    }
  }

  function finish(section) {
    const blocks = [...section.querySelectorAll(":scope > .block")];
    const figures = blocks.filter((block) => block.querySelector("img"));
    if (figures.length === 1 && blocks.filter((block) => !block.matches(".said, .button")).length === 1) {
      section.classList.add("solo");
      const image = figures[0].querySelector("img");
      const room = HEIGHT - BOTTOM - (figures[0].getBoundingClientRect().top - section.getBoundingClientRect().top) - 16;
      const factor = Math.min(room / image.clientHeight, figures[0].clientWidth / image.clientWidth, 1.5);
      const [width, height] = [image.clientWidth * factor, image.clientHeight * factor];
      Object.assign(image.style, { maxWidth: "none", width: width + "px", height: height + "px" });
    }
    // ways to the whole code of what is shown lie in the margin, and take no room
    const buttons = blocks.filter((block) => block.classList.contains("button"));
    if (buttons.length) {
      const corner = document.createElement("div");
      corner.className = "corner";
      buttons.forEach((block) => { corner.append(...block.children); block.remove(); });
      section.append(corner);
    }
    // the first block is there from the start: an empty slide tells nobody anything
    const first = blocks.find((block) => !block.matches(".said, .button"));
    first?.classList.remove("fragment");
    const notes = document.createElement("aside");
    notes.className = "notes";
    section.querySelectorAll(".note").forEach((note) => { notes.append(...note.childNodes); note.remove(); });
    if (notes.childNodes.length) section.append(notes);
  }

  document.body.classList.add("laying-out");
  await draw();
  for (const section of [...slides.querySelectorAll(":scope > section > section")]) paginate(section);
  for (const stack of slides.children) merge(stack);
  for (const section of slides.querySelectorAll(":scope > section > section")) finish(section);
  document.body.classList.remove("laying-out");
  document.body.addEventListener("click", (event) => {
    const button = event.target.closest("button.whole");
    if (button) document.getElementById(button.dataset.code).showModal();
    if (event.target instanceof HTMLDialogElement) event.target.close();
  });
  // dialogs are not scaled with the slide they belong to
  document.querySelectorAll("dialog").forEach((dialog) => {
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    document.body.append(dialog);
  });
  await Reveal.initialize({
    width: 1280, height: HEIGHT, margin: 0, minScale: 0.1, maxScale: 3, center: false, hash: true, slideNumber: "c/t",
    transition: "none", backgroundTransition: "none", pdfSeparateFragments: false, plugins: [RevealNotes],
  });
  for (const [name, label] of Object.entries(words.controls)) {
    document.querySelectorAll(".controls ." + name).forEach((button) => button.setAttribute("aria-label", label));
  }
  const twin = document.getElementById("twin");
  twin.addEventListener("click", () => { twin.hash = "/" + Reveal.getIndices().h; });
  document.querySelector(".wait").remove();
  document.documentElement.dataset.ready = "yes";
})();
