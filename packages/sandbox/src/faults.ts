import type { SandboxResponse } from "./http/server.ts";

/** Where a planned fault strikes. */
export type FaultTarget = "token" | "self-service" | "aktivsjekken" | "helsekontakter" | "cppa" | "communication-party";

/** What goes wrong. */
export type Fault =
  /** Answers this status, with Helsenorge's usual body unless one is given. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Gives no answer for this many milliseconds, then answers as usual. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Answers 200 with a body that is not JSON. */
  | { readonly kind: "broken-body" };

/** A schedule of faults: each is used once, in the order in which they were added. */
export class FaultSchedule {
  readonly #planned = new Map<FaultTarget, Fault[]>();

  /** Plans a fault for the next request to the target; `times` of them in a row. */
  add(target: FaultTarget, fault: Fault, times = 1): void {
    const list = this.#planned.get(target) ?? [];
    for (let i = 0; i < times; i++) list.push(fault);
    this.#planned.set(target, list);
  }

  /** Forgets what has not struck yet. */
  clear(): void {
    this.#planned.clear();
  }

  /** Takes the next fault of a target: a response to send instead of the real one, or nothing. */
  async strike(target: FaultTarget): Promise<SandboxResponse | undefined> {
    const fault = this.#planned.get(target)?.shift();
    if (fault === undefined) return undefined;
    if (fault.kind === "delay") {
      await new Promise((resolve) => setTimeout(resolve, fault.ms));
      return undefined;
    }
    if (fault.kind === "broken-body")
      return { status: 200, headers: { "content-type": "application/json" }, body: '{"erAktivListe":' };
    return {
      status: fault.status,
      ...(fault.headers === undefined ? {} : { headers: fault.headers }),
      body: fault.body ?? { Code: "EHAPI-100000", Message: "Teknisk feil", ErrorCategory: 0 },
    };
  }
}
