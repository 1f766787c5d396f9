// The server's addresses. Every refusal is `{error: sentence}` and becomes an Error with that sentence.

/** @import { Decided, Decision, Filter, Images, Layers, Now, Place } from "../../../types/answers" */
/** @import { Run, Trial } from "../../../types/answers" */

/** @typedef {Record<string, string | number>} Query */

/** @type {(path: string, values?: Query) => string} */
const address = (path, values = {}) =>
  `${path}?${new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)]))}`;

/** @type {(id: string, palette: string, start: string) => string} */
export const thumbnail = (id, palette, start) => address("/api/thumbnail", { id, palette, start });

/** @type {(id: string, start: string) => string} */
export const picture = (id, start) => address("/api/picture", { id, start });

/** @type {(id: string) => string} */
export const corrected = (id) => address("/api/corrected", { id });

/** @returns {Promise<Run>} */
export const getRun = async () => json(await answered(address("/api/run")));

/** @returns {Promise<Now>} */
export const getNow = async () => json(await answered(address("/api/now")));

/** @type {(query: Filter & Query, signal?: AbortSignal) => Promise<Images>} */
export const getImages = async (query, signal) =>
  json(await answered(address("/api/images", query), { signal }));

/** @type {(query: Filter & Query, signal: AbortSignal) => Promise<Place>} */
export const getPlace = async (query, signal) =>
  json(await answered(address("/api/place", query), { signal }));

/** @type {(id: string, signal: AbortSignal) => Promise<Layers>} */
export const getLayers = async (id, signal) =>
  unpack(await answered(address("/api/layers", { id }), { signal }));

/** @typedef {{ id: string, proxy: object, planes: boolean }} Question */

/** @type {(question: Question) => Promise<Trial>} */
export const whatIf = async (question) => unpack(await post("/api/what-if", question));

/** @type {(question: Question) => Promise<{ yaml: string }>} */
export const asYaml = async (question) => json(await post("/api/yaml", question));

/** @type {(wanted: { id: string, decision?: Decision, flagged?: boolean }) => Promise<Decided>} */
export const decide = async (wanted) => json(await post("/api/review", wanted));

/** @type {(id: string, file: File) => Promise<Decided>} */
export const correct = async (id, file) =>
  json(await answered(corrected(id), changing("PUT", file, "application/octet-stream")));

/** @type {(id: string) => Promise<Decided>} */
export const restore = async (id) => json(await answered(corrected(id), changing("DELETE")));

/** @type {(path: string, content: unknown) => Promise<Response>} */
const post = (path, content) => answered(path, changing("POST", JSON.stringify(content), "application/json"));

/** @type {(method: string, body?: BodyInit, type?: string) => RequestInit} */
const changing = (method, body, type) => ({
  method,
  body,
  headers: { "x-weakseg": "1", ...(type && { "content-type": type }) },
});

/** @type {(path: string, options?: RequestInit) => Promise<Response>} */
async function answered(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw new Error("The server does not answer; is `weakseg inspect` still running?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error ?? `The server answered ${answer.status}.`);
}

/** @type {(answer: Response) => Promise<any>} */
const json = (answer) => answer.json();

/**
 * Length of the header, header, planes of height × width bytes: see `bundle` in pictures.py.
 * @type {(answer: Response) => Promise<any>}
 */
async function unpack(answer) {
  const buffer = await answer.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const size = header.height * header.width;
  const planes = header.planes.map((/** @type {object} */ plane, /** @type {number} */ number) => ({
    ...plane,
    values: new Uint8Array(buffer, 4 + length + number * size, size),
  }));
  return { ...header, planes };
}
