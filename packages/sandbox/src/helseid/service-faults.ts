import type { SandboxResponse } from "../http/server.ts";

/** What can be wrong with the token endpoint or the metadata. */
export type ServiceFault =
  /** Connections break. */
  | { readonly kind: "outage" }
  /** The right answer, late. */
  | { readonly kind: "latency"; readonly ms: number }
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string; readonly body?: unknown }
  /** A page of a proxy, with status 200. */
  | { readonly kind: "html" }
  /** An answer of this many bytes. */
  | { readonly kind: "huge"; readonly bytes: number }
  /** An answer that never ends: a byte each `everyMs`. */
  | { readonly kind: "slow-loris"; readonly everyMs: number }
  | { readonly kind: "redirect"; readonly status: 301 | 302 | 303 | 307 | 308; readonly location: string }
  | { readonly kind: "truncated" };

/** Faults of one endpoint: planned ones strike once each, in order; a standing one strikes until it is taken away. */
export class ServiceFaults {
  readonly #planned: ServiceFault[] = [];
  /** Strikes on each request, or with this chance: numbers from 0 to 1 come from `random`. */
  standing: { readonly fault: ServiceFault; readonly share?: number } | undefined;
  random: () => number = Math.random;

  plan(fault: ServiceFault, times = 1): void {
    for (let i = 0; i < times; i++) this.#planned.push(fault);
  }

  clear(): void {
    this.#planned.length = 0;
    this.standing = undefined;
  }

  /** The answer to give in place of the right one, or nothing. */
  async strike(): Promise<SandboxResponse | undefined> {
    const fault = this.#planned.shift() ?? this.#stands();
    if (fault === undefined) return undefined;
    if (fault.kind !== "latency") return answerOf(fault);
    await new Promise((resolve) => setTimeout(resolve, fault.ms));
    return undefined;
  }

  #stands(): ServiceFault | undefined {
    const { standing } = this;
    if (standing === undefined || (standing.share !== undefined && this.random() >= standing.share)) return undefined;
    return standing.fault;
  }
}

function answerOf(fault: Exclude<ServiceFault, { kind: "latency" }>): SandboxResponse {
  const json = { "content-type": "application/json" };
  switch (fault.kind) {
    case "outage":
      return { status: 500, drop: true };
    case "status":
      return {
        status: fault.status,
        headers: fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter },
        body: fault.body ?? "",
      };
    case "html":
      return { status: 200, headers: { "content-type": "text/html" }, body: "<html><body>Proxy</body></html>" };
    case "huge":
      return { status: 200, headers: json, body: filler(fault.bytes) };
    case "slow-loris":
      return { status: 200, headers: json, body: trickle(fault.everyMs) };
    case "redirect":
      return { status: fault.status, headers: { location: fault.location }, body: "" };
    case "truncated":
      return { status: 200, headers: json, body: '{"access_token":"' };
  }
}

async function* filler(bytes: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(65_536, 0x20);
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
}

async function* trickle(everyMs: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield Buffer.from(" ");
    await new Promise((resolve) => setTimeout(resolve, everyMs).unref());
  }
}
