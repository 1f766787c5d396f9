// Where the page is: everything that a link should bring back lies in the address.
//
//     #/overview
//     #/gallery?label=dog&split=train&sort=iou
//     #/image/2007_000392?label=dog&sort=iou&mode=stack&layers=refined,truth&zoom=2,0.5,0.5

export const FILTER = { label: "", split: "", state: "", text: "", sort: "index", order: "up" };

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
  return { view: view || "overview", id, values: Object.fromEntries(new URLSearchParams(search)) };
}

/** The filter among the parameters of an address, completed. */
export function filterOf(values) {
  return Object.fromEntries(Object.entries(FILTER).map(([name, usual]) => [name, values[name] ?? usual]));
}

export function link(view, id = "", values = {}) {
  const kept = Object.entries(values).filter(([name, value]) => value !== "" && value !== FILTER[name] && value !== undefined);
  const search = new URLSearchParams(kept).toString().replaceAll("%2C", ",");
  return `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}${search ? `?${search}` : ""}`;
}

export function go(view, id, values) {
  location.hash = link(view, id, values);
}

/** Change the address without a step in the browser's history. */
export function replace(view, id, values) {
  history.replaceState(null, "", link(view, id, values));
}
