// One image made the model's size as training makes it: a triangle filter that takes every pixel
// (Pillow's BILINEAR). A canvas skips pixels of what it makes smaller, and some predictions change.

const PAD_GREY = 127;

/** Make pixels a size.
 *  @param {ImageData} image opaque, of any size
 *  @param {number[]} size [height, width]
 *  @param {string} how "squeeze", "crop" (the middle part) or "pad" (bars of grey)
 *  @returns {ImageData} */
export function resize(image, size, how) {
  const [height, width] = size;
  if (image.height === height && image.width === width) return image;
  let part = { top: 0, left: 0, height: image.height, width: image.width };
  let inside = { top: 0, left: 0, height, width };
  if (how === "crop") part = middle(fitted(size, [image.height, image.width]), image);
  if (how === "pad") inside = middle(fitted([image.height, image.width], size), { height, width });
  const pixels = smaller(image, part, inside);
  const found = new ImageData(width, height);
  found.data.fill(PAD_GREY);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) found.data[4 * (y * width + x) + 3] = 255;
  }
  for (let y = 0; y < inside.height; y++) {
    for (let x = 0; x < inside.width; x++) {
      const from = 3 * (y * inside.width + x);
      const to = 4 * ((y + inside.top) * width + x + inside.left);
      for (let c = 0; c < 3; c++) found.data[to + c] = pixels[from + c]; // rounds
    }
  }
  return found;
}

/** [height, width] of what has a shape, made as large as fits into a room. */
function fitted(shape, room) {
  const tall = shape[0] * room[1] >= shape[1] * room[0];
  const sides = tall
    ? [room[0], (shape[1] * room[0]) / shape[0]]
    : [(shape[0] * room[1]) / shape[1], room[1]];
  return sides.map((side) => Math.max(1, roundHalfEven(side)));
}

function roundHalfEven(number) {
  const down = Math.floor(number);
  if (number - down !== 0.5) return Math.round(number);
  return down % 2 === 0 ? down : down + 1;
}

function middle([height, width], whole) {
  const top = Math.floor((whole.height - height) / 2);
  const left = Math.floor((whole.width - width) / 2);
  return { top, left, height, width };
}

/** RGB numbers of a part of an image, resized: rows first, then columns. */
function smaller(image, part, target) {
  const rows = new Float32Array(target.height * part.width * 3);
  weights(part.height, target.height).forEach(({ first, shares }, y) => {
    shares.forEach((share, step) => {
      let from = 4 * ((part.top + first + step) * image.width + part.left);
      let to = 3 * y * part.width;
      for (let x = 0; x < part.width; x++, from += 4, to += 3) {
        rows[to] += share * image.data[from];
        rows[to + 1] += share * image.data[from + 1];
        rows[to + 2] += share * image.data[from + 2];
      }
    });
  });
  const found = new Float32Array(target.height * target.width * 3);
  const columns = weights(part.width, target.width);
  for (let y = 0; y < target.height; y++) {
    columns.forEach(({ first, shares }, x) => {
      const to = 3 * (y * target.width + x);
      shares.forEach((share, step) => {
        const from = 3 * (y * part.width + first + step);
        for (let c = 0; c < 3; c++) found[to + c] += share * rows[from + c];
      });
    });
  }
  return found;
}

/** Which of `from` pixels, and how much of each, make each of `to` pixels. */
function weights(from, to) {
  const scale = from / to;
  const reach = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.ceil(centre - reach - 0.5));
    const last = Math.min(from - 1, Math.floor(centre + reach - 0.5));
    const found = [];
    for (let at = first; at <= last; at++) {
      found.push(Math.max(0, 1 - Math.abs(at + 0.5 - centre) / reach));
    }
    const sum = found.reduce((one, other) => one + other, 0);
    return { first, shares: found.map((one) => one / sum) };
  });
}
