import { throwIfAborted } from "@helsekontakt/core";
import type { paths } from "@helsekontakt/types/openapi/cppa";
import { type CallOptions, createPathClient, createTransport, type RestClientOptions, readAnswer } from "./call.ts";
import { operations } from "./gen/cppa.ts";
import { type HerId, herIdNumber } from "./her-id.ts";
import { checkLimits } from "./limits.ts";

/**
 * CPPA: profiles and agreements as ebXML text, in the bytes as they came (agreements may be signed). `undefined` means
 * that the registry has none (404); any other failure is an error, so an outage never looks like a missing agreement.
 *
 * Base address and scope decide between v1 (Bearer) and v2 (DPoP).
 *
 * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `abort/cancelled`
 */
export interface CppaClient {
  /** Profile (CPP) of a communication party. */
  profile(herId: HerId, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** Agreement (CPA) by its id, a GUID. */
  agreement(cpaId: string, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** Agreement (CPA) between own and another HER-id. */
  agreementFor(mine: HerId, theirs: HerId, options?: CallOptions): Promise<Uint8Array | undefined>;
}

/** @throws {HelsekontaktError} `config/invalid` */
export function createCppaClient(options: RestClientOptions): CppaClient {
  const client = createPathClient<paths>(options);
  const transports = {
    profile: createTransport(options, operations.getProfile, "is-an-answer"),
    agreement: createTransport(options, operations.getAgreement, "is-an-answer"),
    agreementFor: createTransport(options, operations.getAgreementFor, "is-an-answer"),
  };
  return {
    async profile(herId, call = {}) {
      const path = { herId: herIdNumber(herId) };
      checkLimits(path, operations.getProfile.parameterLimits);
      return bytes(operations.getProfile, call, (init) =>
        client.GET(operations.getProfile.path, {
          params: { path },
          parseAs: "arrayBuffer",
          fetch: transports.profile,
          ...init,
        }),
      );
    },
    async agreement(cpaId, call = {}) {
      const path = { cpaId };
      checkLimits(path, operations.getAgreement.parameterLimits);
      return bytes(operations.getAgreement, call, (init) =>
        client.GET(operations.getAgreement.path, {
          params: { path },
          parseAs: "arrayBuffer",
          fetch: transports.agreement,
          ...init,
        }),
      );
    },
    async agreementFor(mine, theirs, call = {}) {
      const path = { mine: herIdNumber(mine), theirs: herIdNumber(theirs) };
      checkLimits(path, operations.getAgreementFor.parameterLimits);
      return bytes(operations.getAgreementFor, call, (init) =>
        client.GET(operations.getAgreementFor.path, {
          params: { path },
          parseAs: "arrayBuffer",
          fetch: transports.agreementFor,
          ...init,
        }),
      );
    },
  };
}

type CppaOperation = (typeof operations)[keyof typeof operations];

async function bytes(
  operation: CppaOperation,
  { signal }: CallOptions,
  call: (init: {
    headers: Record<string, string>;
    signal?: AbortSignal;
  }) => Promise<{ data?: ArrayBuffer | undefined; response: Response }>,
): Promise<Uint8Array | undefined> {
  throwIfAborted(signal);
  const headers = { accept: operation.responseMediaTypes["200"].join(", ") };
  const { data, response } = await readAnswer(operation, () =>
    call({ headers, ...(signal === undefined ? {} : { signal }) }),
  );
  if (response.status === 404) return undefined;
  return new Uint8Array(data ?? new ArrayBuffer(0));
}
