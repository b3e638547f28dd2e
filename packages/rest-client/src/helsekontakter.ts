import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import type { Bundle } from "@helsekontakt/types/fhir";
import { Client, type FhirResource } from "fhir-kit-client";
import { type CallOptions, checkBaseUrl, createTransport, invalidAnswer, type RestClientOptions } from "./call.ts";
import { operations } from "./gen/helsekontakter.ts";
import { isRecord } from "./http-error.ts";
import { type MemberOutcome, readMemberOutcomes, type SentMember } from "./member-outcome.ts";

const operation = operations.postBundle;

/** Settings of {@link createHelsekontakterClient}. */
export interface HelsekontakterClientOptions extends RestClientOptions {
  /** Path below the base address, for both steps. Default: the document's, which is what public notes say. */
  readonly path?: string;
}

/** What came of a member list. */
export interface MembersResult {
  /** One per Patient of the Bundle, in its order. */
  readonly members: readonly MemberOutcome[];
}

/** Helsekontakter (Medlemstjenester): health offerings, then members. */
export interface HelsekontakterClient {
  /**
   * Publishes health offerings: a Bundle of HealthcareService, Organization and Location.
   *
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `abort/cancelled`
   */
  publish(bundle: Bundle, options?: CallOptions): Promise<void>;
  /**
   * Registers members: a Bundle of Patients. Sending the same list again is safe and, without an answer, demanded.
   *
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `abort/cancelled`
   */
  registerMembers(bundle: Bundle, options?: CallOptions): Promise<MembersResult>;
}

/**
 * A client over fhir-kit-client. Its requests go out through the transport of this package: the base library posts
 * to another address, knows no time limit, nonce or retry, and quotes bodies in its errors.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function createHelsekontakterClient(options: HelsekontakterClientOptions): HelsekontakterClient {
  const base = checkBaseUrl(options.baseUrl).replace(/\/+$/, "");
  const address = base + (options.path ?? operation.path);
  const fhir = createFhirClient(base, options);
  const post = async (bundle: Bundle, { signal }: CallOptions): Promise<unknown> => {
    throwIfAborted(signal);
    if (!isRecord(bundle) || bundle.resourceType !== "Bundle")
      throw new HelsekontaktError("input/invalid", "expected a FHIR Bundle, found something else");
    return fhir.request(address, {
      method: operation.method,
      body: JSON.stringify(bundle),
      options: {
        headers: {
          "content-type": operation.requestMediaTypes[0],
          accept: operation.responseMediaTypes["200"].join(", "),
        },
        ...(signal === undefined ? {} : { signal }),
      },
    });
  };
  return {
    async publish(bundle, call = {}) {
      const answer = await post(bundle, call);
      if (readFailures(answer).length > 0)
        throw new HelsekontaktError(
          "rest/response-invalid",
          "expected all offerings to be taken, found that some were refused",
          {
            context: { operation: operation.operationId, codes: readFailures(answer) },
          },
        );
    },
    async registerMembers(bundle, call = {}) {
      const sent = sentMembers(bundle);
      return { members: readMemberOutcomes(await post(bundle, call), sent) };
    },
  };
}

function createFhirClient(baseUrl: string, options: RestClientOptions): Client {
  const client = new Client({ baseUrl });
  const transport = createTransport(options, operation);
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
    // The answer may be a list or empty: the library's type promises more than the service does.
    if (text.trim() === "") return {} as FhirResource;
    try {
      return JSON.parse(text.replace(/^\uFEFF/, "")) as FhirResource;
    } catch {
      throw invalidAnswer(operation, "JSON", "another text");
    }
  };
  return client;
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
  const count = Array.isArray(answer["entry"]) ? answer["entry"].length : 1;
  const sent = Array.from({ length: count }, (_, index) => ({ index, fullUrl: undefined, identifiers: [] }));
  return readMemberOutcomes(answer, sent)
    .filter((o) => o.status === "rejected")
    .flatMap((o) => (o.codes.length > 0 ? o.codes : ["refused"]));
}
