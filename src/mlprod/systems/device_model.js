// The next-word model inside the browser: the same rules as device_text.py and device_model.py, tested against them.

import * as ort from "/runtime/ort.wasm.min.mjs";

const LETTERS = "A-Za-zÀ-ÖØ-öø-ɏ";
const SPACE = " \\t\\n\\r";
const TOKEN = new RegExp(`[${LETTERS}]+(?:['-][${LETTERS}]+)*|[0-9]+|[.!?](?![^${SPACE}])|[,;:()¿¡]`, "g");
const PREFIX = new RegExp(`[${LETTERS}]+(?:['-][${LETTERS}]*)*$`);
const SENTENCE_ENDS = [".", "!", "?"];

export const normalise = (text) => text.normalize("NFC").toLowerCase().replaceAll("\u2019", "'");

export const tokens = (text) =>
  (normalise(text).match(TOKEN) ?? []).map((token) => (/^[0-9]/.test(token) ? "<num>" : token));

export function splitText(text) {
  text = normalise(text);
  const found = PREFIX.exec(text);
  return found ? [text.slice(0, found.index), found[0]] : [text, ""];
}

export const sentence = (words) => words.slice(words.findLastIndex((word) => SENTENCE_ENDS.includes(word)) + 1);

async function bytes(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

export class NextWord {
  // `size`: bytes of runtime, model and vocabulary; `seconds`: from asking for them to being able to answer
  static async load(name = "main") {
    const began = performance.now();
    ort.env.wasm.numThreads = 1; // more would need SharedArrayBuffer, and this model gains nothing by them
    ort.env.logLevel = "error";
    const parts = await Promise.all([
      bytes("/runtime/ort-wasm-simd-threaded.wasm"), bytes(`/model/${name}.onnx`), bytes("/model/vocabulary.json"),
    ]);
    ort.env.wasm.wasmPaths = "/runtime/"; // of the small loader; the large binary is here already
    ort.env.wasm.wasmBinary = parts[0].buffer;
    const model = new NextWord();
    model.vocabulary = JSON.parse(new TextDecoder().decode(parts[2]));
    model.index = new Map(model.vocabulary.tokens.map((word, id) => [word, id]));
    model.session = await ort.InferenceSession.create(parts[1], { executionProviders: ["wasm"] });
    model.last = Promise.resolve();
    await model.logits(model.encode("", "en")); // the first run allocates
    model.size = parts.reduce((sum, part) => sum + part.length, 0);
    model.seconds = (performance.now() - began) / 1000;
    return model;
  }

  encode(text, lang) {
    const known = sentence(tokens(splitText(text)[0])).map((word) => this.index.get(word) ?? 0);
    return [this.index.get(`<${lang}>`), ...known.slice(-(this.vocabulary.context - 1))];
  }

  // One at a time: a session does not run twice at once.
  logits(ids) {
    const run = async () => {
      const input = new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]);
      return (await this.session.run({ ids: input })).logits.data;
    };
    return (this.last = this.last.catch(() => {}).then(run));
  }

  async suggest(text, lang, k = 3) {
    const prefix = splitText(text)[1];
    const scores = await this.logits(this.encode(text, lang));
    const { tokens: words, specials, shown } = this.vocabulary;
    let highest = -Infinity;
    for (let id = specials; id < words.length; id++) highest = Math.max(highest, scores[id]);
    const best = [];
    let total = 0;
    for (let id = specials; id < words.length; id++) {
      if (!words[id].startsWith(prefix)) continue;
      const weight = Math.exp(scores[id] - highest);
      total += weight;
      if (best.length === k && weight <= best[k - 1].weight) continue;
      let place = best.length;
      while (place > 0 && best[place - 1].weight < weight) place--;
      best.splice(place, 0, { id, weight });
      best.length = Math.min(best.length, k);
    }
    return best.map(({ id, weight }) => ({ word: shown[words[id]] ?? words[id], probability: weight / total }));
  }
}
