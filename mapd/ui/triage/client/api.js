// The five routes that triage asks, with the token of the page. A failure is one line, and says
// whether to try again.
//
//   const api = new Api(token, (line) => …);
//   await api.window({ queue: "smart", number: 12 });

const PATIENCE = 20_000; // ms: a server that answers nothing for so long is asked again
const TEMPORARY = [429, 502, 503, 504];

class ApiError extends Error {
  constructor(code, line, isTemporary) {
    super(line);
    this.code = code; // as messages.py names it; "offline" where nobody answers
    this.isTemporary = isTemporary;
  }
}

export class Api {
  #token; #ondead;

  // `ondead`: told once the token opens nothing any more: who sits here is to read nothing more.
  constructor(token, ondead) {
    this.#token = token;
    this.#ondead = ondead;
  }

  window(query) { return this.#get("window", query); }
  history(query) { return this.#get("history", query); }
  counts(query) { return this.#get("counts", query); }
  decide(decisions, isLeaving) { return this.#post("decisions", { decisions }, isLeaving); }
  lease(wish, isLeaving) { return this.#post("lease", wish, isLeaving); }

  #get(route, query) {
    const values = Object.entries(query).flatMap(([name, value]) =>
      [value].flat().map((item) => [name, item ?? ""]));
    return this.#ask(`${route}?${new URLSearchParams(values.filter(([, item]) => item !== ""))}`);
  }

  // A request that is sent while the page is left outlives it; nobody reads its answer.
  #post(route, message, keepalive = false) {
    return this.#ask(route, { method: "POST", body: JSON.stringify(message), keepalive });
  }

  async #ask(path, options) {
    const headers = { "content-type": "application/json", "x-mapd-token": this.#token };
    const signal = AbortSignal.timeout(PATIENCE);
    let response;
    let reply = null;
    try {
      response = await fetch(`./api/${path}`, { ...options, headers, signal });
      reply = await response.json();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError
        || error instanceof DOMException)) throw error;
      if (!response) throw new ApiError("offline", "no connection to the server", true);
    }
    if (response.ok && reply !== null) return reply;
    const line = `the server answered with ${response.status}: try again later`;
    const fault = reply?.error ?? { code: "busy", line };
    if (fault.code === "dead") this.#ondead(fault.line);
    throw new ApiError(fault.code, fault.line, response.ok || TEMPORARY.includes(response.status));
  }
}
