// The five routes that triage asks, with the token of the page. A failure is one line, and says whether to try again.
//
//   const api = connect(token, (line) => …);
//   await api.window({ queue: "smart", number: 12 });

const PATIENCE = 20_000; // ms: a server that answers nothing for so long is asked again
const TEMPORARY = [429, 502, 503, 504];

// `code`: as messages.py names it; "offline" where nobody answers.
const fail = (code, line, isTemporary) => Object.assign(new Error(line), { code, isTemporary });

// `ondead` hears that the token opens nothing any more: who sits here is to read nothing more.
export function connect(token, ondead) {
  async function ask(path, options) {
    const headers = { "content-type": "application/json", "x-mapd-token": token };
    const signal = AbortSignal.timeout(PATIENCE);
    let [response, reply] = [null, null];
    try {
      response = await fetch(`./api/${path}`, { ...options, headers, signal });
      reply = await response.json();
    } catch (error) {
      const kinds = [TypeError, SyntaxError, DOMException]; // nobody there, no JSON, not in time
      if (!kinds.some((kind) => error instanceof kind)) throw error;
      if (!response) throw fail("offline", "no connection to the server", true);
    }
    if (response.ok && reply !== null) return reply;
    const { ok, status } = response;
    const { code, line } = reply?.error
      ?? { code: "busy", line: `the server answered with ${status}: try again later` };
    if (code === "dead") ondead(line);
    throw fail(code, line, ok || TEMPORARY.includes(status));
  }

  const get = (route) => (query) => {
    const values = Object.entries(query).flatMap(([name, value]) => [value].flat().map((item) => [name, item ?? ""]));
    return ask(`${route}?${new URLSearchParams(values.filter(([, item]) => item !== ""))}`);
  };
  // `keepalive`: it is sent while the page is left, and outlives it; nobody reads its answer.
  const post = (route) => (message, keepalive = false) =>
    ask(route, { method: "POST", body: JSON.stringify(message), keepalive });

  return {
    window: get("window"), history: get("history"), counts: get("counts"),
    decide: post("decisions"), lease: post("lease"),
  };
}
