/* The report's clips: filters, one clip's details, and the cells, bars and marks that open them.
   It reads the JSON in #data, asks no server for anything, and puts text in as text, never as HTML. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [form, found, list, more, dialog, body, hovered] =
    ["filters", "found", "list", "more", "clip", "clip-body", "hovered"].map((id) => document.getElementById(id));
  const methods = Object.keys(data.answers);
  const tested = methods.length ? data.answers[methods[0]].sure.length : 0;
  const PAGE = 25;
  const figures = new Map();
  document.querySelectorAll("figure[data-clip]").forEach((figure) => figures.set(figure.dataset.clip, figure));
  const clips = data.clips.map(([id, label, part, flags, reason], place) => ({
    id, label, part, reason, place, figure: figures.get(id),
    flags: flags.map((flag) => data.flags[flag]),
    name: label < 0 ? "class unknown" : data.classes[label],
  }));
  let fitting = clips;
  let shown = PAGE;
  let open = null;

  /* An element with attributes and children; text children become text. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick") element.addEventListener("click", value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /* Predicted classes of one clip, a seed each; empty where the clip was not tested. */
  const said = (clip, method) => clip.place < tested ? data.answers[method].bySeed.map((seed) => seed[clip.place]) : [];
  const rightBy = (clip, method) => said(clip, method).every((answer) => answer === clip.label);

  /* ✓ or ✗, and in words for who hears the page. */
  function sign(right, words) {
    return make("span", { class: right ? "good" : "bad" },
      make("span", { "aria-hidden": "true" }, right ? "✓ " : "✗ "),
      make("span", { class: "heard" }, right ? "right: " : "wrong: "), words);
  }

  function answer(clip, method) {
    const answers = said(clip, method);
    if (!answers.length) return "";
    const right = answers.filter((one) => one === clip.label).length;
    const often = answers.length > 1 ? `, ${right} of ${answers.length} seeds right` : "";
    return sign(answers[0] === clip.label,  /* that of the answer shown; filters ask all seeds */
      `${data.classes[answers[0]]} (${data.answers[method].sure[clip.place]} %${often})`);
  }

  function fits(clip, wanted) {
    const method = wanted.method;
    if (wanted.text && !clip.id.toLowerCase().includes(wanted.text.toLowerCase())) return false;
    if (wanted.label && clip.label !== Number(wanted.label)) return false;
    if (wanted.part && clip.part !== wanted.part) return false;
    if (wanted.flag && !clip.flags.includes(wanted.flag)) return false;
    if (wanted.said && !said(clip, method).includes(Number(wanted.said))) return false;
    if (!wanted.verdict) return true;
    if (clip.place >= tested) return false;
    const right = rightBy(clip, method);
    if (wanted.verdict === "right") return right;
    if (wanted.verdict === "wrong") return !right;
    const others = methods.filter((other) => other !== method).map((other) => rightBy(clip, other));
    return wanted.verdict === "saved" ? right && others.includes(false) : !right && others.includes(true);
  }

  function opener(clip) {
    return make("button", { type: "button", class: "link", onclick: () => show(clip) }, clip.id);
  }

  function row(clip, method) {
    const what = clip.reason ? make("span", { class: "bad" }, clip.reason) : answer(clip, method);
    const head = make("th", { scope: "row" }, opener(clip));
    if (clip.figure) head.append(make("span", { class: "faint", title: "its frames are on this page" }, " ▦"));
    return make("tr", {}, head,
      ...[clip.name, clip.part, what, clip.flags.join(", ")].map((cell) => make("td", {}, cell)));
  }

  function draw() {
    const method = form.elements.method.value;
    list.tBodies[0].replaceChildren(...fitting.slice(0, shown).map((clip) => row(clip, method)));
    more.hidden = shown >= fitting.length;
  }

  function filter() {
    const wanted = Object.fromEntries(new FormData(form));
    fitting = clips.filter((clip) => fits(clip, wanted));
    shown = PAGE;
    const there = new Set(fitting.map((clip) => clip.id));
    figures.forEach((figure, id) => { figure.hidden = !there.has(id); });
    const pictured = fitting.filter((clip) => clip.figure).length;
    if (figures.size) document.getElementById("strips").hidden = !pictured;
    found.textContent = `${fitting.length.toLocaleString("en")} of ${clips.length.toLocaleString("en")} clips` +
      (pictured ? `, ${pictured} with frames below` : "");
    draw();
  }

  /* Set the filters to these and no others, and go to the list. */
  function ask(wanted) {
    form.reset();
    for (const [name, value] of Object.entries(wanted)) form.elements[name].value = value;
    filter();
    document.getElementById("browse").scrollIntoView();
    form.elements.text.focus({ preventScroll: true });
  }

  function scores(clip) {
    const head = ["method", "answer", "on the true class, %"].map((name) => make("th", { scope: "col" }, name));
    const rows = methods.map((method) => make("tr", {}, make("th", { scope: "row" }, method),
      make("td", {}, answer(clip, method)), make("td", {}, String(data.answers[method].truth[clip.place]))));
    return make("table", { class: "words" }, make("caption", {}, "Answers; probabilities are the lowest seed's"),
      make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  }

  function neighbours(clip, side) {
    const items = data.near[side][clip.place].map(([place, similarity]) => {
      const other = clips[place];
      return make("li", {}, opener(other), " ", sign(other.label === clip.label, other.name),
        ` ${similarity} %, ${other.part}`);
    });
    return make("div", {}, make("h4", {}, `Nearest by ${side}`), make("ol", {}, ...items));
  }

  function show(clip) {
    open = clip;
    document.getElementById("clip-name").textContent = clip.id;
    const facts = [clip.name, clip.part, ...clip.flags].join(" · ");
    body.replaceChildren(make("p", { class: "faint" }, facts));
    if (clip.reason) body.append(make("p", { class: "bad" }, clip.reason));
    if (clip.figure) {
      const image = clip.figure.querySelector("img");
      body.append(make("img", { src: image.src, alt: image.alt }));
    }
    if (clip.place < tested) {
      body.append(make("div", { class: "scroll" }, scores(clip)),
        make("div", { class: "side" }, ...Object.keys(data.near).map((side) => neighbours(clip, side))));
    }
    history.replaceState(null, "", `#clip=${encodeURIComponent(clip.id)}`);
    if (!dialog.open) dialog.showModal();
    body.scrollTop = 0;
  }

  /* The clip before or after the open one, among those that fit the filters. */
  function step(by) {
    const next = fitting[fitting.indexOf(open) + by];
    if (next) show(next);
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  more.addEventListener("click", () => { shown += PAGE; draw(); });
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("button[value]");
    if (event.target === dialog || (button && button.value === "0")) dialog.close();
    else if (button) step(Number(button.value));
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));

  document.querySelectorAll("table.confusion").forEach((matrix) => matrix.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { label } = button.closest("tr").dataset;
    ask({ method: matrix.dataset.method, label, said: button.dataset.said });
  }));
  document.querySelectorAll("table.bars button").forEach((button) => {
    button.addEventListener("click", () => ask({ label: button.dataset.label, part: "test" }));
  });

  const maps = document.getElementById("maps");
  if (maps) {
    const chosen = new Set();
    maps.addEventListener("click", (event) => {
      const mark = event.target.closest("use[data-clip]");
      if (mark) show(clips[Number(mark.dataset.clip)]);
    });
    maps.addEventListener("mouseover", (event) => {
      const mark = event.target.closest("use[data-clip]");
      maps.querySelectorAll(".here").forEach((one) => one.classList.remove("here"));
      if (!mark) return;
      const clip = clips[Number(mark.dataset.clip)];
      hovered.replaceChildren(`${clip.id}: ${clip.name}; ${data.main} says `, answer(clip, data.main));
      maps.querySelectorAll(`[data-clip="${mark.dataset.clip}"]`).forEach((one) => one.classList.add("here"));
    });
    document.querySelectorAll(".legend button").forEach((button) => button.addEventListener("click", () => {
      const label = button.dataset.class;
      if (!chosen.delete(label)) chosen.add(label);
      button.setAttribute("aria-pressed", String(chosen.has(label)));
      maps.querySelectorAll("use").forEach((mark) => {
        mark.classList.toggle("back", chosen.size > 0 && !chosen.has(mark.classList[0].slice(1)));
      });
    }));
  }

  form.hidden = list.hidden = false;
  document.body.classList.add("live");
  filter();
  const asked = new URLSearchParams(location.hash.slice(1)).get("clip");
  const wanted = clips.find((clip) => clip.id === asked);
  if (wanted) show(wanted);
})();
