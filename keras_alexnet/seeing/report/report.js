"use strict";
(() => {
  const known = JSON.parse(document.getElementById("known").textContent);
  const byId = (id) => document.getElementById(id);
  const inspector = byId("inspector"), whole = byId("whole"), unitPicture = byId("whole-unit");
  let pinned = null;

  // The same picture, and the same unit, wherever they occur. Of a patch, both.
  const alike = (thing) => {
    const { picture, unit } = thing.dataset;
    const own = picture ? `[data-picture="${picture}"]` : `[data-unit="${unit}"]`;
    return document.querySelectorAll(own);
  };
  const clear = () => document.querySelectorAll(".lit").forEach((each) => each.classList.remove("lit"));

  const show = (thing) => {
    clear();
    const { picture, unit, box } = thing.dataset;
    const found = alike(thing);
    found.forEach((each) => each.classList.add("lit"));
    if (unit) document.querySelectorAll(`use[data-unit="${unit}"]`).forEach((each) => each.classList.add("lit"));
    const words = [];
    whole.toggleAttribute("hidden", !picture);
    unitPicture.hidden = true;
    if (picture) {
      const its = known.pictures[picture];
      byId("whole-picture").setAttribute("href", its.src);
      const sides = (box || "").split(" ").map(Number);
      byId("box").toggleAttribute("hidden", !box);
      if (box) ["x", "y", "width", "height"].forEach((name, at) => byId("box").setAttribute(name, sides[at]));
      byId("box").setAttribute("visibility", box ? "visible" : "hidden");
      words.push(its.label, its.name);
      if (found.length > 1) words.push(`${found.length} times on this page`);
    }
    if (unit) {
      words.push(known.units[unit] || unit);
      const own = document.querySelector(`button[data-unit="${unit}"]:not([data-picture]) img`);
      if (!picture && own) { unitPicture.src = own.src; unitPicture.hidden = false; unitPicture.className = "pixels"; }
    }
    byId("inspected").textContent = words.filter(Boolean).join("\n");
    inspector.hidden = false;
  };
  const hide = () => { clear(); inspector.hidden = true; pinned = null; };
  const thingOf = (event) => event.target.closest && event.target.closest(".thing, use[data-unit]");

  document.addEventListener("pointerover", (event) => {
    const thing = thingOf(event);
    if (thing) show(thing);
    else if (pinned) show(pinned);
    else if (!inspector.contains(event.target)) hide();
  });
  document.addEventListener("focusin", (event) => {
    const thing = thingOf(event);
    if (thing) show(thing);
    else if (!inspector.contains(event.target)) hide();
  });
  document.addEventListener("click", (event) => {
    const thing = thingOf(event);
    if (thing) { pinned = thing; show(thing); }
  });
  byId("close").addEventListener("click", hide);

  // One stop of the Tab key for each group; the arrows move within it.
  document.querySelectorAll("[data-roam]").forEach((group) => {
    const things = [...group.querySelectorAll(".thing")];
    things.forEach((each, at) => { each.tabIndex = at ? -1 : 0; });
    group.addEventListener("keydown", (event) => {
      const at = things.indexOf(document.activeElement);
      if (at < 0) return;
      const top = things[at].offsetTop;
      const wide = things.filter((each) => each.offsetTop === things[0].offsetTop).length;
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide }[event.key];
      let next = step === undefined ? null : at + step;
      if (event.key === "Home") next = 0;
      if (event.key === "End") next = things.length - 1;
      if (next === null || !things[next]) return;
      event.preventDefault();
      things[at].tabIndex = -1;
      things[next].tabIndex = 0;
      things[next].focus();
    });
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
