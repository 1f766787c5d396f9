// Asking the server. Every refusal is `{error: sentence}` and becomes an Error with that sentence.

async function answered(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer; is `weakseg inspect` still running?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.error ?? `The server answered ${answer.status}.`);
}

export const address = (path, values = {}) => `${path}?${new URLSearchParams(values)}`;

export const getJSON = async (path, values, signal) => (await answered(address(path, values), { signal })).json();

export const getBundle = async (path, values, signal) =>
  unpack(await (await answered(address(path, values), { signal })).arrayBuffer());

const changing = (method, body, type) => ({ method, body, headers: { "x-weakseg": "1", ...(type && { "content-type": type }) } });

export const post = (path, content) => answered(path, changing("POST", JSON.stringify(content), "application/json"));

export const postJSON = async (path, content) => (await post(path, content)).json();

export const postBundle = async (path, content) => unpack(await (await post(path, content)).arrayBuffer());

export const put = async (path, values, file) =>
  (await answered(address(path, values), changing("PUT", file, "application/octet-stream"))).json();

export const remove = async (path, values) => (await answered(address(path, values), changing("DELETE"))).json();

/** Length of the header, header, planes of height × width bytes: see `bundle` in pictures.py. */
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const size = header.height * header.width;
  const planes = header.planes.map((plane, number) => ({
    ...plane,
    values: new Uint8Array(buffer, 4 + length + number * size, size),
  }));
  return { ...header, planes };
}
