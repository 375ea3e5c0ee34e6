// The model for an app of your own:
//
//   import { open } from "./model.js";
//   const model = await open();
//   const found = await model.predict(file); // a File, Blob, <img>, <video> or <canvas>
//
// Predictions are those of `keras-transfer predict`, under the same names.

import { resize } from "./resize.js";

const MOST_PIXELS = 100e6;

/** What each task of MediaPipe is asked, and how its result is read. */
const TASKS = {
  ImageClassifier: {
    options: () => ({ maxResults: -1 }),
    predict(task, image) {
      const categories = task.classify(image).classifications[0].categories;
      return { probabilities: Object.fromEntries(categories.map((c) => [c.categoryName, c.score])) };
    },
  },
  ObjectDetector: {
    options: (settings) => ({ maxResults: -1, scoreThreshold: settings.shown_from }),
    predict(task, image) {
      const boxes = task.detect(image).detections.map(({ boundingBox: box, categories: [kind] }) => ({
        label: kind.categoryName,
        score: kind.score,
        box: [
          box.originX / image.width,
          box.originY / image.height,
          (box.originX + box.width) / image.width,
          (box.originY + box.height) / image.height,
        ],
      }));
      return { boxes: boxes.sort((one, other) => other.score - one.score) };
    },
  },
  ImageSegmenter: {
    options: () => ({ outputCategoryMask: true, outputConfidenceMasks: false }),
    predict(task, image, settings) {
      const result = task.segment(image);
      const mask = result.categoryMask.getAsUint8Array().slice();
      result.close();
      const counts = new Array(settings.classes.length).fill(0);
      for (const number of mask) counts[number] += 1;
      const shares = settings.classes.map((name, place) => [name, counts[place] / mask.length]);
      const seen = shares.filter(([, share]) => share >= 0.001).sort((a, b) => b[1] - a[1]);
      return { shares: Object.fromEntries(seen), mask };
    },
  },
};

/** Load the model beside this script; `model.check()` proves it on the golden images. */
export async function open() {
  const settings = await (await get("settings.json")).json();
  const vision = await import(settings.library.script);
  const files = await vision.FilesetResolver.forVisionTasks(settings.library.wasm);
  const kind = TASKS[settings.mediapipe];
  const model = new Uint8Array(await (await get("model.tflite")).arrayBuffer());
  const task = await vision[settings.mediapipe].createFromOptions(files, {
    // the GPU delegate takes int8 files without an error and gives nonsense
    baseOptions: { modelAssetBuffer: model, delegate: "CPU" },
    runningMode: "IMAGE",
    ...kind.options(settings),
  });
  return new Model(settings, (image) => kind.predict(task, image, settings));
}

class Model {
  constructor(settings, run) {
    this.settings = settings;
    this.run = run;
  }

  /** What the model predicts for an image, and `unsure`: whether that is better not trusted. */
  async predict(source) {
    const found = this.run(resize(await pixelsOf(source), this.settings.size, this.settings.resize));
    if (found.probabilities && this.settings.unsure_below !== null) {
      found.unsure = this.confidence(found.probabilities) < this.settings.unsure_below;
    }
    return found;
  }

  /** The names that are predicted. */
  names(found) {
    if (found.boxes) return [...new Set(found.boxes.map((box) => box.label))];
    if (found.shares) return Object.keys(found.shares);
    const { shown_from: least } = this.settings;
    const pairs = Object.entries(found.probabilities).sort((one, other) => other[1] - one[1]);
    return (least === null ? pairs.slice(0, 1) : pairs.filter((pair) => pair[1] >= least)).map(
      ([name]) => name,
    );
  }

  confidence(probabilities) {
    const numbers = Object.values(probabilities);
    if (this.settings.shown_from === null) return Math.max(...numbers);
    return Math.min(...numbers.map((one) => Math.max(one, 1 - one))); // the least certain label
  }

  /** Predict the golden images; an Error where one is predicted otherwise than at the export.
   *  @returns {Promise<number>} how many there are */
  async check() {
    for (const example of this.settings.golden) {
      const blob = await (await get(`golden/${example.file}`)).blob();
      const reason = apart(example.prediction, await this.predict(blob), this.settings);
      if (reason) throw new Error(`${example.file}: ${reason}`);
    }
    return this.settings.golden.length;
  }
}

/** Why two predictions are not alike; empty where they are. */
function apart(wanted, found, { tolerance, shown_from: shown }) {
  if (wanted.boxes) return boxesApart(wanted.boxes, found.boxes, tolerance, shown + tolerance);
  const [one, other] = [wanted.probabilities ?? wanted.shares, found.probabilities ?? found.shares];
  for (const name of Object.keys(one)) {
    const value = other[name] ?? 0;
    if (!(Math.abs(one[name] - value) <= tolerance)) {
      return `${name} is ${value.toFixed(3)}; expected ${one[name].toFixed(3)}`;
    }
  }
  return "";
}

/** The same of boxes; one that is hardly sure enough to be shown may be there in one alone. */
function boxesApart(wanted, found, tolerance, least) {
  const alike = (one, other) =>
    one.label === other.label &&
    Math.abs(one.score - other.score) <= tolerance &&
    one.box.every((side, place) => Math.abs(side - other.box[place]) <= 0.05);
  for (const [boxes, others, word] of [[wanted, found, "missing"], [found, wanted, "new"]]) {
    const lone = boxes.find((one) => one.score > least && !others.some((other) => alike(one, other)));
    if (lone) return `a box is ${word}: ${lone.label} ${lone.score.toFixed(3)}`;
  }
  return "";
}

/** The pixels of an image, upright, what is transparent on white: ImageData. */
async function pixelsOf(source) {
  const isFile = source instanceof Blob;
  const image = isFile ? await decode(source) : source;
  const width = image.videoWidth || image.naturalWidth || image.width;
  const height = image.videoHeight || image.naturalHeight || image.height;
  if (width * height > MOST_PIXELS) {
    throw new Error(`an image of ${width} x ${height} pixels is too large; at most 100 million`);
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  if (isFile) image.close();
  return context.getImageData(0, 0, width, height);
}

async function decode(blob) {
  try {
    // colours as they are written, as in training; turned as the camera noted
    return await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${blob.name ?? "this"} is no image that this browser can read`);
  }
}

async function get(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name} is not there (${response.status})`);
  return response;
}
