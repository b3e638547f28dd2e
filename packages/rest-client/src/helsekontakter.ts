import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import type { Bundle } from "@helsekontakt/types/fhir";
import type { Client, FhirResource } from "fhir-kit-client";
import { parseBody } from "./answer-body.ts";
import { type CallOptions, checkBaseUrl, createTransport, invalidAnswer, type RestClientOptions } from "./call.ts";
import { operations, settings } from "./gen/helsekontakter.ts";
import { bundleText, type HelsekontakterWire, resolveWire, shapeBundle } from "./helsekontakter-wire.ts";
import { isRecord } from "./http-error.ts";
import { generalCodes, type MemberOutcome, readMemberOutcomes, type SentMember } from "./member-outcome.ts";
import type { FetchLike } from "./retry.ts";

const operation = operations.postBundle;

/** Settings of {@link createHelsekontakterClient}. */
export interface HelsekontakterClientOptions extends RestClientOptions {
  /** Path below the base address, for both steps; the wire settings have one per step. */
  readonly path?: string;
  /** What the service's description leaves open. Defaults are the spec's, all inferred. */
  readonly wire?: Partial<HelsekontakterWire>;
}

/** What came of a member list. */
export interface MembersResult {
  /** One per Patient of the Bundle, in its order. */
  readonly members: readonly MemberOutcome[];
  /** Codes that the answer gives without naming a member. */
  readonly codes: readonly string[];
}

/** Helsekontakter (Medlemstjenester): health offerings, then members. */
export interface HelsekontakterClient {
  /** The settings in use, defaults filled in. */
  readonly wire: HelsekontakterWire;
  /**
   * Publishes health offerings: a Bundle of HealthcareService, Organization and Location.
   *
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `abort/cancelled`
   */
  publish(bundle: Bundle, options?: CallOptions): Promise<void>;
  /**
   * Registers members: a Bundle of Patients. Sending the same list again is safe and, without an answer, demanded.
   *
   * A refusal (400, 409 or 422) that names members is a result, not an error: those are rejected, the others unknown.
   *
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `abort/cancelled`
   */
  registerMembers(bundle: Bundle, options?: CallOptions): Promise<MembersResult>;
}

/** A body that has been read, and whether the service refused the whole Bundle with it. */
interface Answered {
  readonly value: unknown;
  readonly refused: boolean;
}

/**
 * A client over fhir-kit-client. Its requests go out through the transport of this package: the base library posts
 * to another address, knows no time limit, nonce or retry, and quotes bodies in its errors.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function createHelsekontakterClient(options: HelsekontakterClientOptions): HelsekontakterClient {
  let base = checkBaseUrl(options.baseUrl);
  while (base.endsWith("/")) base = base.slice(0, -1);
  const wire = resolveWire({
    ...(options.path === undefined ? {} : { offeringsPath: options.path, membersPath: options.path }),
    ...options.wire,
  });
  // What is sent is asked for; the other form is read as well.
  const accept = [wire.mediaType, ...settings.mediaType.values.filter((m) => m !== wire.mediaType)]
    .map((media, n) => (n === 0 ? media : `${media};q=0.${10 - n}`))
    .join(", ");
  const transport = createFhirTransport(options);
  let loading: Promise<Client> | undefined;
  const post = async (path: string, bundle: Bundle, { signal }: CallOptions): Promise<Answered> => {
    throwIfAborted(signal);
    checkBundle(bundle);
    // Before anything is waited for: outcomes are told by the places that members have now.
    const body = await bundleText(shapeBundle(bundle, wire), wire);
    // Loaded with the first Bundle: the library brings an HTTP client of its own, which takes longer than this package.
    loading ??= createFhirClient(base, transport).catch((reason: unknown) => {
      // A file that could not be read now is there at the next call.
      loading = undefined;
      throw reason;
    });
    const fhir = await loading;
    const answer: unknown = await fhir.request(base + path, {
      method: operation.method,
      body,
      options: { headers: { "content-type": wire.mediaType, accept }, ...(signal === undefined ? {} : { signal }) },
    });
    return answer as Answered;
  };
  return {
    wire,
    async publish(bundle, call = {}) {
      const { value, refused } = await post(wire.offeringsPath, bundle, call);
      const codes = refused ? ["refused"] : readFailures(value);
      if (codes.length > 0)
        throw new HelsekontaktError(
          "rest/response-invalid",
          "expected all offerings to be taken, found that some were refused",
          { context: { operation: operation.operationId, codes } },
        );
    },
    async registerMembers(bundle, call = {}) {
      checkBundle(bundle);
      const sent = sentMembers(bundle);
      const { value, refused } = await post(wire.membersPath, bundle, call);
      const codes = generalCodes(value, sent);
      if (value === undefined && wire.emptyAnswer === "accepted")
        return { members: sent.map((m) => ({ ...named(m), status: "accepted", codes: [] })), codes };
      const members = readMemberOutcomes(value, sent);
      // Of a refused Bundle nothing counts as taken.
      const kept = refused
        ? members.map((m) => (m.status === "accepted" ? { ...m, status: "unknown" as const } : m))
        : members;
      return { members: kept, codes };
    },
  };
}

function named({ index, fullUrl }: SentMember): Pick<MemberOutcome, "index" | "fullUrl"> {
  return { index, ...(fullUrl === undefined ? {} : { fullUrl }) };
}

/** Stands for a refusal that was read; no service answers it to a single request. */
const refusedStatus = 207;

function createFhirTransport(options: RestClientOptions): FetchLike {
  const fetchIt: FetchLike = options.fetch ?? ((request) => globalThis.fetch(request));
  return createTransport({ ...options, fetch: keepRefusal(fetchIt) }, operation);
}

async function createFhirClient(baseUrl: string, transport: FetchLike): Promise<Client> {
  const { Client } = await import("fhir-kit-client");
  const client = new Client({ baseUrl });
  client.httpClient.request = async (method, url, { headers = {}, signal } = {}, body) => {
    const response = await transport(
      new Request(url, {
        method,
        headers: headers as Record<string, string>,
        ...(body === undefined ? {} : { body: String(body) }),
        ...(signal === undefined ? {} : { signal: signal as AbortSignal }),
      }),
    );
    const text = await response.text();
    try {
      // The library's type promises a resource; the service may answer a list, XML or nothing.
      const answer: Answered = { value: await parseBody(text), refused: response.status === refusedStatus };
      return answer as unknown as FhirResource;
    } catch {
      throw invalidAnswer(operation, "JSON or XML", "another text");
    }
  };
  return client;
}

/** Largest refusal that is looked into, in bytes. */
const maxRefusalBytes = 1024 * 1024;

/**
 * The transport makes an error of every refusal and keeps its codes alone. One that names entries says more: which
 * members the service will not have. It goes on as an answer.
 */
function keepRefusal(inner: FetchLike): FetchLike {
  return async (request) => {
    const response = await inner(request);
    if (![400, 409, 422].includes(response.status)) return response;
    const { body, whole } = await readStart(response, maxRefusalBytes);
    const names = whole !== undefined && (await namesEntries(new TextDecoder().decode(whole)));
    return new Response(whole ?? body, {
      status: names ? refusedStatus : response.status,
      headers: response.headers,
    });
  };
}

/** A body of at most `most` bytes as `whole`; of a longer one the stream from its first byte, unread beyond `most`. */
async function readStart(
  response: Response,
  most: number,
): Promise<{ body: ReadableStream<Uint8Array> | null; whole?: Uint8Array<ArrayBuffer> }> {
  if (response.body === null) return { body: null };
  if (Number(response.headers.get("content-length") ?? 0) > most) return { body: response.body };
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  const chunks: Uint8Array[] = [];
  for (let size = 0; ; ) {
    const { value } = await reader.read();
    if (value === undefined) return { body: null, whole: new Uint8Array(Buffer.concat(chunks)) };
    chunks.push(value);
    size += value.byteLength;
    if (size > most) break;
  }
  // The transport's own cap, and the reader of faults, judge what is left.
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const value = chunks.shift() ?? (await reader.read()).value;
      if (value === undefined) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { body };
}

async function namesEntries(text: string): Promise<boolean> {
  if (!/\bentry\s*\[/i.test(text) || !text.includes("OperationOutcome")) return false;
  try {
    return isRecord(await parseBody(text));
  } catch {
    return false;
  }
}

/** The base library posts any object. */
function checkBundle(bundle: unknown): void {
  const usable =
    isRecord(bundle) &&
    bundle["resourceType"] === "Bundle" &&
    (bundle["entry"] === undefined || (Array.isArray(bundle["entry"]) && bundle["entry"].every(isRecord)));
  if (!usable) throw new HelsekontaktError("input/invalid", "expected a FHIR Bundle, found something else");
}

function sentMembers(bundle: Bundle): SentMember[] {
  const members: SentMember[] = [];
  for (const [index, entry] of (bundle.entry ?? []).entries()) {
    const resource = entry.resource;
    if (resource?.resourceType !== "Patient") continue;
    const identifiers = (resource.identifier ?? []).map((i) => i.value).filter((v) => v !== undefined);
    members.push({ index, fullUrl: entry.fullUrl, identifiers });
  }
  return members;
}

/** Codes of refused entries in an answer to offerings; `refused` where an entry has none. */
function readFailures(answer: unknown): string[] {
  if (!isRecord(answer)) return [];
  const general = generalCodes(answer, []);
  const count = Array.isArray(answer["entry"]) ? answer["entry"].length : 1;
  const sent = Array.from({ length: count }, (_, index) => ({ index, fullUrl: undefined, identifiers: [] }));
  const failed = readMemberOutcomes(answer, sent)
    .filter((o) => o.status === "rejected")
    .flatMap((o) => (o.codes.length > 0 ? o.codes : ["refused"]));
  return [...new Set([...general, ...failed])];
}
