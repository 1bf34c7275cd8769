// What the reader sees and does in the page of unit 05, and the jobs that a notebook's cell sends to it.

import { NextWord, normalise, sentence, splitText, tokens } from "/device_model.js";

const SAY = {
  es: {
    label: "Escribe en español", keys: "Flecha abajo: a las sugerencias · flechas: elegir · Intro: aceptar",
    device: "En este dispositivo", cloud: "En la nube", last: "última", median: "mediana", p95: "p95",
    count: "medidas", lost: "sin respuesta", deviceSuggestions: "Sugerencias del dispositivo",
    cloudSuggestions: "Sugerencias de la nube", loading: "cargando…", ready: "lista", answers: "responde",
    silent: "no responde", unset: "sin nube", failed: "sin motor de modelos",
    placeholder: "Por ejemplo: para instalar el paquete",
    noRuntime: "Faltan los ficheros que ejecutan el modelo en el navegador. Con red, `make lab` los trae.",
    about: (mb, s) => `Descargó ${mb} MB y estuvo lista en ${s} s; desde entonces no necesita red.`,
    gone: "El servidor local se ha parado: la página sigue prediciendo con lo que ya tiene.",
    chart: (who, n, m) => `${who}: histograma de ${n} latencias, mediana ${m}`,
  },
  en: {
    label: "Write in English", keys: "Down arrow: to the suggestions · arrows: choose · Enter: accept",
    device: "On this device", cloud: "In the cloud", last: "last", median: "median", p95: "p95",
    count: "measured", lost: "no answer", deviceSuggestions: "Suggestions of the device",
    cloudSuggestions: "Suggestions of the cloud", loading: "loading…", ready: "ready", answers: "answers",
    silent: "does not answer", unset: "no cloud", failed: "no model runtime",
    placeholder: "For example: to install the package",
    noRuntime: "The files that run the model in the browser are missing. With a network, `make lab` fetches them.",
    about: (mb, s) => `It fetched ${mb} MB and was ready in ${s} s; since then it needs no network.`,
    gone: "The local server has stopped: the page goes on predicting with what it has.",
    chart: (who, n, m) => `${who}: histogram of ${n} latencies, median ${m}`,
  },
};
const asked = new URLSearchParams(location.search).get("lang");
const lang = asked in SAY ? asked : "en";
const say = SAY[lang];
const CLOUD_SECONDS = 2; // a suggestion later than this helps nobody who is typing
const KEPT = 5000;
const LOWEST = 0.1, DECADES = 4.5, BINS = 27; // ms; 6 bins a decade, up to 3 s

const $ = (selector) => document.querySelector(selector);
const box = $("#text");
const state = { model: null, cloud: null, typed: 0, times: { device: [], cloud: [] }, lost: 0 };

document.documentElement.lang = lang;
document.title = `${say.device} · ${say.cloud}`;
document.querySelectorAll("[data-say]").forEach((node) => (node.textContent = say[node.dataset.say]));
document.querySelectorAll("[data-label]").forEach((node) => node.setAttribute("aria-label", say[node.dataset.label]));
document.querySelectorAll("dt[data-say=p95]").forEach((node) => (node.title = "95 %"));
box.placeholder = say.placeholder;

// ---- showing

function milliseconds(value) {
  if (value === undefined) return "—";
  return value < 10 ? `${value.toFixed(1)} ms` : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

function badge(place, kind, text) {
  const node = $(`#${place} .badge`);
  if (node.textContent !== text) node.textContent = text; // a repeated status would be read aloud again
  node.className = `badge ${kind}`;
}

function showTimes(place) {
  const times = state.times[place];
  const median = quantile(times, 0.5);
  $(`#${place} .last`).textContent = milliseconds(times.at(-1));
  $(`#${place} .median`).textContent = milliseconds(median);
  $(`#${place} .p95`).textContent = milliseconds(quantile(times, 0.95));
  if (place === "device") $("#device .count").textContent = times.length;
  else $("#cloud .lost").textContent = state.lost;
  const counts = new Array(BINS).fill(0);
  for (const ms of times) {
    counts[Math.min(BINS - 1, Math.max(0, Math.floor((Math.log10(ms / LOWEST) / DECADES) * BINS)))]++;
  }
  const most = Math.max(1, ...counts), left = 6, width = 308, base = 62;
  const x = (ms) => left + (Math.log10(ms / LOWEST) / DECADES) * width;
  const bars = counts.map((count, i) => {
    const height = count ? Math.max(2, (count / most) * 50) : 0;
    return `<rect x="${(left + (i * width) / BINS + 0.5).toFixed(1)}" y="${base - height}" width="${width / BINS - 1}" height="${height}"/>`;
  });
  const ticks = [[0.1, "0.1"], [1, "1"], [10, "10"], [100, "100"], [1000, "1000 ms"]].map(
    ([ms, text]) => `<text x="${x(ms)}" y="${base + 15}" text-anchor="${ms === 0.1 ? "start" : "middle"}">${text}</text>`);
  const svg = $(`#${place} svg`);
  svg.setAttribute("aria-label", say.chart(say[place], times.length, milliseconds(median)));
  svg.innerHTML = `<line x1="${left}" x2="${left + width}" y1="${base}" y2="${base}"/>
    <line class="limit" x1="${x(100)}" x2="${x(100)}" y1="6" y2="${base}"/>${bars.join("")}${ticks.join("")}`;
}

function record(place, ms) {
  state.times[place].push(ms);
  if (state.times[place].length > KEPT) state.times[place].shift();
  showTimes(place);
}

function showSuggestions(place, suggestions, text) {
  const group = $(`#${place} .chips`);
  const begins = /(^|[.!?]\s+)$/.test(splitText(text)[0]);
  const words = suggestions.map(({ word }) => (begins ? word[0].toUpperCase() + word.slice(1) : word));
  const focused = [...group.children].indexOf(document.activeElement);
  group.classList.remove("late");
  group.replaceChildren(...words.map((word, i) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.textContent = word;
    chip.title = `${(100 * suggestions[i].probability).toFixed(0)} %`;
    chip.addEventListener("click", () => accept(word));
    return chip;
  }));
  if (focused >= 0) (group.children[Math.min(focused, words.length - 1)] ?? box).focus();
}

function accept(word) {
  const begun = splitText(box.value)[1];
  box.value = box.value.slice(0, box.value.length - begun.length) + word + " ";
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
  suggest();
}

// ---- asking

async function askCloud(text, language = lang) {
  const answer = await fetch(`${state.cloud}/suggest`, {
    method: "POST", // text/plain: with application/json the browser would ask permission first, another round trip
    body: JSON.stringify({ lang: language, text, k: 3 }),
    signal: AbortSignal.timeout(1000 * CLOUD_SECONDS),
  });
  if (!answer.ok) throw new Error(`cloud: ${answer.status}`);
  return (await answer.json()).suggestions;
}

async function suggest() {
  const text = box.value, turn = ++state.typed, began = performance.now();
  const times = { device: null, cloud: null };
  const onDevice = async () => {
    if (!state.model) return;
    const suggestions = await state.model.suggest(text, lang);
    times.device = performance.now() - began;
    if (turn === state.typed) showSuggestions("device", suggestions, text);
    record("device", times.device);
  };
  // Requests that a later letter makes useless are not aborted: leaving them out would hide the slow ones.
  const inCloud = async () => {
    if (!state.cloud) return;
    $("#cloud .chips").classList.add("late");
    try {
      const suggestions = await askCloud(text);
      times.cloud = performance.now() - began;
      if (turn === state.typed) showSuggestions("cloud", suggestions, text);
      badge("cloud", "good", say.answers);
      record("cloud", times.cloud);
    } catch {
      state.lost++;
      badge("cloud", "bad", say.silent);
      showTimes("cloud");
    }
  };
  await Promise.all([inCloud(), onDevice()]);
  if (times.device !== null || state.cloud) post("/typed", times);
}

const post = (path, body) => fetch(path, { method: "POST", body: JSON.stringify(body) }).catch(() => {});

function setCloud(address) {
  if (address === state.cloud) return;
  state.cloud = address;
  state.times.cloud = [];
  state.lost = 0;
  $("#cloud .chips").replaceChildren();
  badge("cloud", "", address ? "" : say.unset);
  showTimes("cloud");
  if (address) suggest();
}

box.addEventListener("input", suggest);
box.addEventListener("keydown", (event) => {
  const first = $("#device .chips button") ?? $("#cloud .chips button");
  if (event.key === "ArrowDown" && first && box.selectionEnd === box.value.length) {
    event.preventDefault();
    first.focus();
  }
});
document.querySelectorAll(".chips").forEach((group) => group.addEventListener("keydown", (event) => {
  const chips = [...document.querySelectorAll(".chips button")];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) chips[(chips.indexOf(document.activeElement) + step + chips.length) % chips.length].focus();
  else if (event.key === "ArrowUp" || event.key === "Escape") box.focus();
  else return;
  event.preventDefault();
}));

// ---- jobs of a notebook

const base64 = (floats) => {
  const raw = new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  let text = "";
  for (let i = 0; i < raw.length; i += 32768) text += String.fromCharCode(...raw.subarray(i, i + 32768));
  return btoa(text);
};

async function measure({ texts, count, lang: language, cloud }) {
  await loaded;
  if (!state.model) throw new Error(say.noRuntime);
  const result = { device: [], cloud: [], logits: [], suggestions: [] };
  for (const text of texts) {
    result.logits.push(base64(Float32Array.from(await state.model.logits(state.model.encode(text, language)))));
    result.suggestions.push((await state.model.suggest(text, language)).map(({ word }) => word));
  }
  const began = performance.now();
  for (let i = 0; i < count; i++) {
    const before = performance.now();
    await state.model.suggest(texts[i % texts.length], language);
    result.device.push((performance.now() - before) / 1000);
  }
  result.mean = (performance.now() - began) / 1000 / count;
  for (let i = 0; cloud && state.cloud && i < count; i++) {
    const before = performance.now();
    const answered = await askCloud(texts[i % texts.length], language).then(() => true, () => false);
    result.cloud.push(answered ? (performance.now() - before) / 1000 : null);
  }
  return {
    ...result, browser: navigator.userAgent, load_seconds: state.model.seconds, bytes: state.model.size,
    isolated: crossOriginIsolated,
  };
}

const JOBS = { measure, cloud: async ({ address }) => setCloud(address) };

async function serveJobs() {
  const me = crypto.randomUUID();
  for (let failures = 0; failures < 30; ) {
    try {
      const answer = await fetch(`/job?client=${me}&visible=${!document.hidden}`, { method: "POST" });
      if (!answer.ok) throw new Error(answer.status);
      failures = 0;
      const job = await answer.json();
      if (!(job.kind in JOBS)) continue; // nothing to do for now
      let result;
      try {
        result = { value: (await JOBS[job.kind](job)) ?? null };
      } catch (error) {
        result = { error: String(error) };
      }
      await post(`/result?id=${job.id}`, result);
    } catch {
      failures++;
      if (failures === 3) $("#about").textContent = say.gone;
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

async function load() {
  badge("device", "", say.loading);
  try {
    state.model = await NextWord.load("main");
    badge("device", "good", say.ready);
    $("#about").textContent = say.about((state.model.size / 1e6).toFixed(1), state.model.seconds.toFixed(1));
  } catch (error) {
    console.warn(error);
    badge("device", "bad", say.failed);
    $("#about").textContent = say.noRuntime;
  }
}

showTimes("device");
showTimes("cloud");
badge("cloud", "", say.unset);
const loaded = load();
const configured = fetch("/config").then((answer) => answer.json()).then(({ cloud }) => setCloud(cloud)).catch(() => {});
window.mlprod = { state, tokens, splitText, sentence, normalise, measure, loaded, suggest };
serveJobs();
await Promise.all([loaded, configured]);
suggest();
