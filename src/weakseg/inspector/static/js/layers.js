// From the values of an image's layers to colours. Values stay beside the colours, so that hovering can tell them.

const UNDECIDED = 255;
const LINE = [16, 18, 20, 235]; // around a region: some VOC colours are nearly black, others pale
const HATCH = [[238, 238, 238, 225], [120, 120, 120, 225]];
const HEAT = ["000004", "1b0c41", "4a0c6b", "781c6d", "a52c60", "cf4446", "ed6925", "fb9b06", "f7d13d", "fcffa4"]; // inferno
const COOL = ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"]; // cividis

/** What a difference to the truth is made of; told apart without red or green. */
export const DIFFERENCE = [
  { name: "right", colour: null },
  { name: "missed (truth has a class)", colour: [86, 180, 233, 255] },
  { name: "invented (truth is background)", colour: [230, 159, 0, 255] },
  { name: "another class", colour: [204, 60, 150, 255] },
  { name: "undecided", colour: "hatch" },
];

/** Layers of an answer by name: `{name, kind, values, title, iou}`, the difference made here. */
export function layersOf(answer) {
  const layers = [{ name: "image", kind: "image" }, ...answer.planes];
  return withDifference(layers, "refined", "difference");
}

/** Add where a label map differs from the truth, if there are both. */
export function withDifference(layers, stage, name) {
  const [labels, truth] = [stage, "truth"].map((wanted) => layers.find((layer) => layer.name === wanted));
  if (!labels || !truth) return layers;
  return [...layers, { name, kind: "difference", values: difference(labels.values, truth.values) }];
}

function difference(labels, truth) {
  return labels.map((label, at) => {
    const wanted = truth[at];
    if (wanted === UNDECIDED || label === wanted) return 0;
    if (label === UNDECIDED) return 4;
    if (label === 0) return 1;
    return wanted === 0 ? 2 : 3;
  });
}

/** Where two label maps differ. */
export const change = (before, after) => after.map((label, at) => (label === before[at] ? 0 : 1));

/** A layer's colours as a canvas of the image's size; none for the image itself. */
export function painted(layer, width, height, palette) {
  if (layer.kind === "image") return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pixels = new ImageData(width, height);
  PAINT[layer.kind](layer, pixels.data, width, palette);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

const PAINT = {
  labels({ values }, data, width, palette) {
    const colours = table(palette);
    each(values, data, width, (value) => (value === 0 ? null : value === UNDECIDED ? "hatch" : colours[value]));
    const isClass = (value) => value !== 0 && value !== UNDECIDED;
    outline(values, data, width, isClass);
  },
  map({ values, name }, data) {
    const colours = ramp(name === "saliency" ? COOL : HEAT);
    values.forEach((value, at) => {
      data.set(colours[value], 4 * at);
      data[4 * at + 3] = 90 + 0.64 * value; // the stronger, the less of the image shows
    });
  },
  difference({ values }, data, width) {
    each(values, data, width, (value) => DIFFERENCE[value].colour);
  },
  change({ values }, data, width) {
    each(values, data, width, (value) => (value ? [230, 159, 0, 255] : null));
  },
};

function each(values, data, width, colourOf) {
  for (let at = 0; at < values.length; at += 1) {
    let colour = colourOf(values[at]);
    if (colour === "hatch") colour = HATCH[((at % width) + Math.floor(at / width)) & 4 ? 1 : 0];
    if (colour) data.set(colour, 4 * at);
  }
}

function outline(values, data, width, isClass) {
  for (let at = 0; at < values.length; at += 1) {
    if (!isClass(values[at])) continue;
    const column = at % width;
    const neighbours = [column ? at - 1 : at, column + 1 < width ? at + 1 : at, at - width, at + width];
    if (neighbours.some((other) => values[other] !== undefined && values[other] !== values[at])) data.set(LINE, 4 * at);
  }
}

/** Index → RGBA; the last colour of a palette is that of undecided pixels. */
function table(palette) {
  return palette.map(([red, green, blue]) => [red, green, blue, 255]);
}

const ramps = new Map();

function ramp(stops) {
  if (!ramps.has(stops)) {
    const colours = stops.map((stop) => [0, 2, 4].map((at) => parseInt(stop.slice(at, at + 2), 16)));
    ramps.set(stops, Array.from({ length: 256 }, (_, value) => between(colours, (value / 255) * (stops.length - 1))));
  }
  return ramps.get(stops);
}

function between(colours, place) {
  const low = Math.min(Math.floor(place), colours.length - 2);
  return [0, 1, 2].map((part) => colours[low][part] + (place - low) * (colours[low + 1][part] - colours[low][part])).concat(255);
}

/** What a layer says at one pixel. */
export function valueAt(layer, at, names) {
  if (layer.kind === "image") return "";
  const value = layer.values[at];
  if (layer.kind === "map") return (value / 255).toFixed(2);
  if (layer.kind === "labels") return value === UNDECIDED ? (layer.name === "truth" ? "not scored" : "undecided") : names[value];
  if (layer.kind === "change") return value ? "changed" : "same";
  return value ? DIFFERENCE[value].name.split(" (")[0] : "right";
}
