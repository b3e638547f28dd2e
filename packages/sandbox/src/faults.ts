import type { SandboxResponse } from "./http/server.ts";
import { type FaultRates, Weather } from "./weather.ts";

/** Where a planned fault strikes. */
export type FaultTarget =
  | "token"
  | "self-service"
  | "aktivsjekken"
  | "helsekontakter"
  | "cppa"
  | "communication-party"
  | "registries-soap";

/** The interfaces behind HelseID. */
export const restTargets: readonly FaultTarget[] = ["aktivsjekken", "helsekontakter", "cppa", "communication-party"];

/** What goes wrong. */
export type Fault =
  /** Answers this status, with Helsenorge's usual body unless one is given. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Answers 429, with `Retry-After` in seconds. */
  | { readonly kind: "rate-limited"; readonly retryAfter: number }
  /** Gives no answer for this many milliseconds, then answers as usual. */
  | { readonly kind: "delay"; readonly ms: number }
  /** Answers 200 with a body that is not JSON. */
  | { readonly kind: "broken-body" }
  /** Closes the connection without an answer; the service has not seen the request. */
  | { readonly kind: "drop" }
  /** Does the work, then closes the connection in the middle of the answer. */
  | { readonly kind: "cut" }
  /** Does the work, and leaves this share (0 to 1) of AktivSjekken's citizens out of the answer. Others answer whole. */
  | { readonly kind: "partial"; readonly share: number };

/** What faults make of one request. */
interface Struck {
  /** Sent in place of the service's own answer. */
  readonly response?: SandboxResponse;
  /** What becomes of the service's own answer. */
  readonly shape: (response: SandboxResponse) => SandboxResponse;
}

const same = (response: SandboxResponse): SandboxResponse => response;
const technical = { Code: "EHAPI-100000", Message: "Teknisk feil", ErrorCategory: 0 };

/**
 * Faults of the HTTP interfaces: planned ones, each used once in the order in which they were added, and behaviour that
 * lasts, by seeded shares of the requests.
 */
export class FaultSchedule {
  readonly #planned = new Map<FaultTarget, Fault[]>();
  readonly #weather = new Map<FaultTarget, Weather>();
  readonly #struck = new Map<FaultTarget, Map<Fault["kind"], number>>();

  /** Plans a fault for the next request to the target; `times` of them in a row. */
  add(target: FaultTarget, fault: Fault, times = 1): void {
    const list = this.#planned.get(target) ?? [];
    for (let i = 0; i < times; i++) list.push(fault);
    this.#planned.set(target, list);
  }

  /**
   * Lets a target, several, or all REST interfaces behave so from now on. The same seed gives the same faults in the order
   * of requests. Planned faults go first.
   *
   * @throws {HelsekontaktError} `config/invalid` for shares that are none or exceed 1 together
   */
  behave(target: FaultTarget | "rest" | readonly FaultTarget[], rates: FaultRates): void {
    for (const one of expand(target)) this.#weather.set(one, new Weather(rates, one));
  }

  /** Ends what {@link behave} began. */
  calm(target: FaultTarget | "rest" | readonly FaultTarget[] = [...this.#weather.keys()]): void {
    for (const one of expand(target)) this.#weather.delete(one);
  }

  /** Forgets what has not struck yet, planned or lasting. */
  clear(): void {
    this.#planned.clear();
    this.#weather.clear();
  }

  /** How many requests to the target were struck by this kind so far. */
  count(target: FaultTarget, kind: Fault["kind"]): number {
    return this.#struck.get(target)?.get(kind) ?? 0;
  }

  /** Takes the next fault of a target: a response to send instead of the real one, or nothing. */
  async strike(target: FaultTarget): Promise<SandboxResponse | undefined> {
    return (await this.#strike(target)).response;
  }

  /** Answers a request as the service does, unless a fault strikes. */
  async around(
    target: FaultTarget,
    answer: () => Promise<SandboxResponse> | SandboxResponse,
  ): Promise<SandboxResponse> {
    const { response, shape } = await this.#strike(target);
    return response ?? shape(await answer());
  }

  async #strike(target: FaultTarget): Promise<Struck> {
    const planned = this.#planned.get(target)?.shift();
    const weather = this.#weather.get(target);
    let shape = same;
    for (const fault of planned === undefined ? (weather?.next() ?? []) : [planned]) {
      this.#note(target, fault.kind);
      if (fault.kind === "delay") await new Promise((resolve) => void setTimeout(resolve, fault.ms).unref());
      else if (fault.kind === "cut") shape = (response) => ({ ...response, cut: true });
      else if (fault.kind === "partial") shape = (response) => leaveOut(response, fault.share, weather);
      else return { response: inPlace(fault), shape };
    }
    return { shape };
  }

  #note(target: FaultTarget, kind: Fault["kind"]): void {
    const counts = this.#struck.get(target) ?? new Map<Fault["kind"], number>();
    this.#struck.set(target, counts.set(kind, (counts.get(kind) ?? 0) + 1));
  }
}

function expand(target: FaultTarget | "rest" | readonly FaultTarget[]): readonly FaultTarget[] {
  return target === "rest" ? restTargets : typeof target === "string" ? [target] : target;
}

function inPlace(fault: Exclude<Fault, { kind: "delay" | "cut" | "partial" }>): SandboxResponse {
  switch (fault.kind) {
    case "drop":
      return { status: 0, drop: true };
    case "broken-body":
      return { status: 200, headers: { "content-type": "application/json" }, body: '{"erAktivListe":' };
    case "rate-limited":
      return { status: 429, headers: { "retry-after": String(fault.retryAfter) }, body: technical };
    case "status":
      return {
        status: fault.status,
        ...(fault.headers === undefined ? {} : { headers: fault.headers }),
        body: fault.body ?? technical,
      };
  }
}

/** A share of the citizens: those that the seeded chance picks, or spread evenly for a planned fault. */
function leaveOut(response: SandboxResponse, share: number, weather: Weather | undefined): SandboxResponse {
  const { body } = response;
  if (response.status !== 200 || typeof body !== "object" || body === null || !("erAktivListe" in body))
    return response;
  const list = Object.entries(body.erAktivListe as Record<string, unknown>);
  const chance = (index: number): number => weather?.random() ?? (index * 0.618_033_988_75) % 1;
  return {
    ...response,
    body: { ...body, erAktivListe: Object.fromEntries(list.filter((_, i) => chance(i) >= share)) },
  };
}
