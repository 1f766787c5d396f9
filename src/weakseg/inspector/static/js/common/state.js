// Where the page is: everything that a link should bring back lies in the address.
//
//     #/overview
//     #/gallery?label=dog&split=train&sort=iou
//     #/image/2007_000392?label=dog&sort=iou&mode=stack&layers=refined,truth&zoom=2,0.5,0.5

/** @import { Filter, Run } from "../../../types/answers" */
/** @import { Parameters } from "../../../types/page" */

/** @type {Filter} */
const USUAL = { label: "", split: "", state: "", text: "", warning: "", sort: "index", order: "up" };

/**
 * The order of images without another choice: the most doubtful first, where health was checked.
 * @param {Run} run
 */
export function setUsual({ measures }) {
  const checked = measures.includes("doubt");
  Object.assign(USUAL, checked ? { sort: "doubt", order: "down" } : { sort: "index", order: "up" });
}

/** View, image id and parameters of the current address. */
export function here() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view = "", ...rest] = path.split("/");
  let id = rest.join("/");
  try {
    id = decodeURIComponent(id);
  } catch {
    // an address that somebody cut short: taken as it is, and no image will have it
  }
  /** @type {Parameters} */
  const values = Object.fromEntries(new URLSearchParams(search));
  return { view: view || "overview", id, values };
}

/**
 * The filter among the parameters of an address, completed.
 * @param {Parameters} values
 */
export function filterOf(values) {
  const complete = Object.entries(USUAL).map(([name, usual]) => [name, values[name] ?? usual]);
  return /** @type {Filter} */ (Object.fromEntries(complete));
}

/** @type {(view: string, id?: string, values?: Parameters) => string} */
export function link(view, id = "", values = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    const usual = /** @type {Parameters} */ (USUAL)[name];
    if (value && value !== usual) search.append(name, value);
  }
  const text = search.toString().replaceAll("%2C", ",");
  return `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}${text ? `?${text}` : ""}`;
}

/** @type {(view: string, id?: string, values?: Parameters) => void} */
export function go(view, id, values) {
  location.hash = link(view, id, values);
}

/**
 * Change the address without a step in the browser's history.
 * @type {(view: string, id: string, values: Parameters) => void}
 */
export function replace(view, id, values) {
  history.replaceState(null, "", link(view, id, values));
}
