// The five routes that triage asks, with the token of the page. A failure is one line, and says whether to try again.
//
//   const api = new Api("./api", token, (line) => …);
//   await api.window({ queue: "smart", number: 12 });

const PATIENCE = 20_000; // ms: a server that answers nothing for so long is asked again
const TEMPORARY = [429, 502, 503, 504];

export class ApiError extends Error {
  constructor(code, line, temporary) {
    super(line);
    this.code = code; // dead, forbidden, unknown, bad_request, too_large, busy; offline where nobody answers
    this.temporary = temporary;
  }
}

export class Api {
  // `ondead`: told once the token opens nothing any more: who sits here is to read and decide nothing more.
  constructor(base, token, ondead) {
    this.base = base;
    this.token = token;
    this.ondead = ondead;
  }

  window(query) { return this.#get("window", query); }
  history(query) { return this.#get("history", query); }
  counts(query) { return this.#get("counts", query); }
  decide(decisions, leaving = false) { return this.#post("decisions", { decisions }, leaving); }
  lease(wish, leaving = false) { return this.#post("lease", wish, leaving); }

  #get(route, query) {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      for (const item of [value].flat()) if (item !== null && item !== undefined && item !== "") params.append(name, item);
    }
    return this.#ask(`${route}?${params}`, {});
  }

  // A request that is sent while the page is left outlives it (keepalive); nobody reads its answer.
  #post(route, body, leaving) {
    const headers = { "content-type": "application/json" };
    return this.#ask(route, { method: "POST", headers, body: JSON.stringify(body), keepalive: leaving });
  }

  async #ask(path, options) {
    let response;
    let body = null;
    try {
      const headers = { ...options.headers, "x-mapd-token": this.token };
      response = await fetch(`${this.base}/${path}`, { ...options, headers, signal: AbortSignal.timeout(PATIENCE) });
      body = await response.json();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError || error instanceof DOMException)) throw error;
      if (!response) throw new ApiError("offline", "no connection to the server", true);
    }
    if (response.ok && body !== null) return body;
    const fault = body?.error ?? { code: "busy", line: `the server answered with ${response.status}: try again later` };
    if (fault.code === "dead") this.ondead(fault.line);
    throw new ApiError(fault.code, fault.line, response.ok || TEMPORARY.includes(response.status));
  }
}
