import {
  type Clock,
  HelsekontaktError,
  limitTime,
  type Logger,
  silentLogger,
  systemClock,
  throwIfAborted,
} from "@helsekontakt/core";
import type { XmlElement } from "@helsekontakt/types/xml";
import { services } from "../gen/registries.ts";
import { factsOf, type PartyFacts } from "./address-registry.ts";
import { readContract } from "./data-contract.ts";
import { HerIdSet } from "./her-id-set.ts";
import { failedLookUp } from "./look-up.ts";
import { maxChangesPerCall, type PartyChange, type SoapAddressRegistry } from "./soap-address-registry.ts";
import { SoapClient, type SoapClientOptions } from "./soap-client.ts";
import { XmlRecords } from "./xml-records.ts";

const operation = "GetAllCommunicationPartiesXml";
const record = "CommunicationParty";

/** How {@link exportParties} reads. */
export interface PartyExportOptions extends Omit<SoapClientOptions, "timeoutMs"> {
  /** A mark of an earlier export: what was handed out then is passed over. */
  readonly resumeFrom?: string;
  /** Milliseconds until the answer begins: it takes minutes. Default 900,000. */
  readonly startMs?: number;
  /** Milliseconds between two pieces of the answer. Default 60,000. */
  readonly idleMs?: number;
  /** Tries in a row that hand out nothing new. Default 3. */
  readonly tries?: number;
  /** Milliseconds before the answer is asked for again. Default 5,000. */
  readonly pauseMs?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** Every party of the address registry, one after the other, in bounded memory. Can be read once. */
export interface PartyExport extends AsyncIterable<PartyFacts> {
  /** What has been handed out and done with, as text: an export with `resumeFrom` goes on from there. */
  mark(): string;
  /** Parties handed out, those of earlier exports included. */
  readonly delivered: number;
  /** Records that could not be read; each is in the log. */
  readonly unreadable: number;
}

/**
 * Reads the registry's export as a stream. The registry knows no offsets, and no order: when the answer breaks off, it is
 * asked for again, and parties that have been handed out are passed over by their HER-id. A party that changes meanwhile
 * is found by {@link changedParties}.
 *
 * The loop over it throws {HelsekontaktError} `registry/unavailable`, `abort/cancelled`.
 *
 * @throws {HelsekontaktError} `config/invalid`; `input/invalid` for a mark that is none
 */
export function exportParties(options: PartyExportOptions): PartyExport {
  const client = new SoapClient(services.addressRegistryExport, options);
  const done = options.resumeFrom === undefined ? new HerIdSet() : HerIdSet.fromMark(options.resumeFrom);
  const state = { unreadable: 0 };
  return {
    mark: () => done.toMark(),
    get delivered() {
      return done.size;
    },
    get unreadable() {
      return state.unreadable;
    },
    [Symbol.asyncIterator]: () => everyParty(client, options, done, state),
  };
}

async function* everyParty(
  client: SoapClient,
  options: PartyExportOptions,
  done: HerIdSet,
  state: { unreadable: number },
): AsyncGenerator<PartyFacts, void> {
  const { tries = 3, pauseMs = 5_000, clock = systemClock, logger = silentLogger, signal } = options;
  let fruitless = 0;
  for (;;) {
    const before = done.size;
    state.unreadable = 0;
    try {
      for await (const element of recordsOf(client, options)) {
        const facts = partyOf(element, logger);
        if (facts === undefined) state.unreadable++;
        if (facts === undefined || done.has(Number(facts.herId))) continue;
        yield facts;
        // Asked for the next one, the reader is done with this one.
        done.add(Number(facts.herId));
      }
      return;
    } catch (reason) {
      throwIfAborted(signal);
      const { kind, error } = failedLookUp(reason);
      fruitless = done.size > before ? 0 : fruitless + 1;
      if (kind === "refused" || fruitless >= tries) throw unavailable(error);
      logger.warn("the export of parties broke off; it is asked for again", { code: error.code, delivered: done.size });
      await clock.sleep(pauseMs, signal);
    }
  }
}

function partyOf(element: XmlElement, logger: Logger): PartyFacts | undefined {
  try {
    const party = readContract(element, "CommunicationParty");
    if (party.HerId !== undefined && party.HerId > 0) return factsOf(String(party.HerId), party, party.Type);
    logger.warn("a party of the export has no HER-id and is left out");
  } catch (reason) {
    logger.warn("a party of the export cannot be read and is left out", { code: HelsekontaktError.from(reason).code });
  }
  return undefined;
}

/** Records of one answer, piece by piece: no more of it is read than is asked for. */
async function* recordsOf(client: SoapClient, options: PartyExportOptions): AsyncGenerator<XmlElement, void> {
  const { startMs = 900_000, idleMs = 60_000, signal } = options;
  const ended = new AbortController();
  const stop = (): void => ended.abort(signal?.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const answer = await within(startMs, ended.signal, client.open(operation, ended.signal));
    if (answer.kind === "refused" || answer.kind === "unavailable") throw answer.error;
    if (answer.kind === "not-found") throw noParties();
    reader = answer.value.getReader();
    const found: XmlElement[] = [];
    const document = new ExportDocument((element) => void found.push(element));
    for (let count = 0; ; ) {
      const { value, done } = await within(idleMs, ended.signal, reader.read());
      const failure = failureOf(() => (done ? document.end() : document.push(value)));
      count += found.length;
      // What stands before a fault is good.
      yield* found.splice(0);
      if (failure !== undefined) throw failure.reason;
      if (!done) continue;
      if (count === 0) throw noParties();
      return;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    await reader?.cancel().catch(() => {});
    ended.abort();
  }
}

function failureOf(work: () => void): { readonly reason: unknown } | undefined {
  try {
    work();
    return undefined;
  } catch (reason) {
    return { reason };
  }
}

/** @throws {HelsekontaktError} `rest/timeout`; what the work rejects with */
async function within<T>(ms: number, signal: AbortSignal, work: Promise<T>): Promise<T> {
  const limit = limitTime(ms, signal);
  try {
    return await limit.race(work);
  } catch (reason) {
    if (limit.timedOut)
      throw new HelsekontaktError("rest/timeout", `expected more of the export within ${ms} ms, found nothing`);
    throw reason;
  } finally {
    limit.end();
  }
}

/**
 * The document in the answer: in the result as base64, which is how WCF writes a stream, or as elements; or without an
 * envelope.
 */
class ExportDocument {
  readonly #outer: XmlRecords;
  readonly #inner: XmlRecords;
  readonly #outerText = textDecoder();
  readonly #innerText = textDecoder();
  #base64 = "";
  #inResult = false;
  #isBase64 = false;

  constructor(onRecord: (element: XmlElement) => void) {
    this.#inner = new XmlRecords(record, { record: onRecord });
    this.#outer = new XmlRecords(record, {
      record: onRecord,
      open: (local) => {
        if (local === "Fault") throw new HelsekontaktError("rest/unavailable", "expected the export, found a fault");
        this.#inResult = local === `${operation}Result`;
      },
      text: (piece) => {
        if (this.#inResult) this.#decode(piece);
      },
    });
  }

  push(bytes: Uint8Array): void {
    this.#outer.push(decode(this.#outerText, bytes));
  }

  end(): void {
    this.#outer.push(decode(this.#outerText));
    this.#outer.end();
    if (!this.#isBase64) return;
    if (this.#base64 !== "") throw notBase64();
    this.#inner.push(decode(this.#innerText));
    this.#inner.end();
  }

  /** Whole groups of four; the rest waits for the next piece. */
  #decode(piece: string): void {
    const text = this.#base64 + piece.replaceAll(/\s+/gu, "");
    if (text === "") return;
    if (!/^[A-Za-z0-9+/]*={0,2}$/u.test(text)) throw notBase64();
    this.#isBase64 = true;
    const whole = text.length - (text.length % 4);
    this.#base64 = text.slice(whole);
    this.#inner.push(decode(this.#innerText, Buffer.from(text.slice(0, whole), "base64")));
  }
}

function textDecoder(): InstanceType<typeof TextDecoder> {
  return new TextDecoder("utf-8", { fatal: true });
}

function decode(decoder: InstanceType<typeof TextDecoder>, bytes?: Uint8Array): string {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch (original) {
    throw new HelsekontaktError("xml/encoding", "expected the export in UTF-8, found other bytes", { original });
  }
}

function notBase64(): HelsekontaktError {
  return new HelsekontaktError(
    "rest/response-invalid",
    "expected base64 or elements in the export's result, found other text",
  );
}

function noParties(): HelsekontaktError {
  return new HelsekontaktError("rest/response-invalid", "expected communication parties in the export, found none");
}

function unavailable(error: HelsekontaktError): HelsekontaktError {
  return new HelsekontaktError(
    "registry/unavailable",
    `expected the export of the address registry, found ${error.code}`,
    {
      context: { ...error.context, code: error.code },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      original: error,
    },
  );
}

/** A copy of a party, as old as it says. */
export interface KnownParty {
  readonly herId: string;
  /** `lastChanged` of the copy. */
  readonly lastChanged?: string;
}

/**
 * Which copies of parties are older than the registry's: one call for a thousand of them. Parties that the registry does
 * not mention are taken for unchanged.
 *
 * @throws {HelsekontaktError} `registry/unavailable`, `abort/cancelled`
 */
export async function* changedParties(
  registry: Pick<SoapAddressRegistry, "changes">,
  known: Iterable<KnownParty> | AsyncIterable<KnownParty>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<PartyChange, void> {
  let batch = new Map<string, number>();
  for await (const { herId, lastChanged } of known) {
    batch.set(herId, Date.parse(lastChanged ?? ""));
    if (batch.size < maxChangesPerCall) continue;
    yield* changedOf(registry, batch, options);
    batch = new Map();
  }
  if (batch.size > 0) yield* changedOf(registry, batch, options);
}

async function* changedOf(
  registry: Pick<SoapAddressRegistry, "changes">,
  batch: ReadonlyMap<string, number>,
  options: { readonly signal?: AbortSignal },
): AsyncGenerator<PartyChange, void> {
  const answer = await registry.changes([...batch.keys()], options);
  if (answer.kind === "refused" || answer.kind === "unavailable") throw unavailable(answer.error);
  if (answer.kind !== "found") return;
  for (const change of answer.value) {
    const mine = batch.get(change.herId);
    // A copy without a date, or a date that cannot be read, is old.
    if (mine !== undefined && !(Date.parse(change.lastUpdated) <= mine)) yield change;
  }
}
