import { open } from "./model.js";

const EVERY = 200; // milliseconds between two images of the camera
const COLOURS = ["#0072b2", "#c75400", "#00805d", "#a34a80", "#7d6200", "#4aa8e0", "#b03a00"];
const part = (name) => document.getElementById(name);

let model;
let camera = null;

start();

async function start() {
  try {
    model = await open();
    const count = await model.check();
    part("status").textContent = count
      ? `Ready. ${count} golden images are predicted as when the model was exported.`
      : "Ready. There are no golden images to prove it on.";
  } catch (error) {
    return fail(`The model does not work here: ${error.message ?? error}`);
  }
  part("about").textContent = `It knows ${model.settings.classes.join(", ")}.`;
  for (const control of document.querySelectorAll("input, button")) control.disabled = false;
  part("file").addEventListener("change", (event) => show(event.target.files[0]));
  part("camera").addEventListener("click", toggleCamera);
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
  });
}

function fail(text) {
  part("status").textContent = "";
  part("fault").textContent = text;
  part("fault").hidden = false;
}

function clearFault() {
  part("fault").hidden = true;
}

async function show(file) {
  if (!file) return;
  stopCamera();
  clearFault();
  part("found").replaceChildren();
  try {
    const found = await model.predict(file);
    draw(await createImageBitmap(file), found);
    list(found);
    part("status").textContent = `${file.name}: ${model.names(found).join(", ") || "nothing found"}`;
  } catch (error) {
    part("shown").hidden = true;
    fail(error.message ?? String(error));
  }
}

async function toggleCamera() {
  if (camera) return stopCamera();
  clearFault();
  const video = document.createElement("video");
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment" },
    });
  } catch (error) {
    return fail(`There is no camera to use: ${error.message}`);
  }
  video.muted = true;
  video.playsInline = true;
  await video.play();
  part("camera").textContent = "Stop the camera";
  part("status").textContent = "The camera is on.";
  camera = { video, timer: setInterval(() => look(video), EVERY), busy: false };
}

async function look(video) {
  if (!camera || camera.busy) return;
  camera.busy = true;
  try {
    const found = await model.predict(video);
    if (!camera) return;
    draw(video, found);
    list(found);
  } catch (error) {
    stopCamera();
    fail(error.message ?? String(error));
  } finally {
    if (camera) camera.busy = false;
  }
}

function stopCamera() {
  if (!camera) return;
  clearInterval(camera.timer);
  for (const track of camera.video.srcObject.getTracks()) track.stop();
  camera = null;
  part("camera").textContent = "Use the camera";
}

function draw(image, found) {
  const canvas = part("shown");
  const width = image.videoWidth || image.width;
  const height = image.videoHeight || image.height;
  const scale = Math.min(1, 800 / Math.max(width, height));
  [canvas.width, canvas.height] = [width * scale, height * scale].map(Math.round);
  canvas.hidden = false;
  canvas.setAttribute("aria-label", `The image: ${model.names(found).join(", ") || "nothing found"}`);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  if (model.settings.resize !== "squeeze") return; // where boxes and masks lie is of the model's view
  if (found.boxes) drawBoxes(context, found.boxes);
  if (found.mask) drawMask(context, found.mask);
}

const colour = (name) => COLOURS[model.settings.classes.indexOf(name) % COLOURS.length];

function drawBoxes(context, boxes) {
  const { width, height } = context.canvas;
  context.lineWidth = 2;
  context.font = "14px system-ui, sans-serif";
  for (const { label, score, box } of boxes) {
    const [left, top, right, bottom] = box;
    context.strokeStyle = context.fillStyle = colour(label);
    context.strokeRect(left * width, top * height, (right - left) * width, (bottom - top) * height);
    const text = `${label} ${score.toFixed(2)}`;
    const above = Math.max(18, top * height);
    context.fillRect(left * width, above - 18, context.measureText(text).width + 8, 18);
    context.fillStyle = "white";
    context.fillText(text, left * width + 4, above - 5);
  }
}

function drawMask(context, mask) {
  const [height, width] = model.settings.size;
  const pixels = new ImageData(width, height);
  const colours = model.settings.classes.map((name) => colour(name).match(/\w\w/g).map((c) => parseInt(c, 16)));
  mask.forEach((number, place) => pixels.data.set([...colours[number], 110], 4 * place));
  const layer = document.createElement("canvas");
  [layer.width, layer.height] = [width, height];
  layer.getContext("2d").putImageData(pixels, 0, 0);
  context.drawImage(layer, 0, 0, context.canvas.width, context.canvas.height);
}

/** Rows of a name, a bar and a number. */
function list(found) {
  const rows = found.boxes
    ? found.boxes.map((box) => [box.label, box.score])
    : Object.entries(found.probabilities ?? found.shares);
  rows.sort((one, other) => other[1] - one[1]);
  const lines = rows.slice(0, 10).map(([name, value]) => {
    const line = document.createElement("li");
    const [label, bar, number] = ["span", "div", "span"].map((tag) => document.createElement(tag));
    label.textContent = name;
    bar.className = "bar";
    bar.style.setProperty("--share", value);
    bar.style.setProperty("--colour", found.boxes || found.mask ? colour(name) : COLOURS[0]);
    number.textContent = `${(100 * value).toFixed(1)} %`;
    line.append(label, bar, number);
    return line;
  });
  part("found").replaceChildren(...lines);
  part("unsure").hidden = !found.unsure;
}
