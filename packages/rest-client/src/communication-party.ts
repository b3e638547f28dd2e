import { throwIfAborted } from "@helsekontakt/core";
import type { components, paths } from "@helsekontakt/types/openapi/communication-party";
import {
  type CallOptions,
  createPathClient,
  createTransport,
  invalidAnswer,
  type RestClientOptions,
  readAnswer,
} from "./call.ts";
import { operations } from "./gen/communication-party.ts";
import { type HerId, herIdNumber } from "./her-id.ts";
import { isRecord } from "./http-error.ts";
import { checkLimits } from "./limits.ts";

/** A communication party as the address registry's REST API answers it. */
export type CommunicationPartyDetails = components["schemas"]["CommunicationPartyDetails"];

/** Settings of {@link createCommunicationPartyClient}. */
export interface CommunicationPartyClientOptions extends RestClientOptions {
  /** `older` asks the API that stood before the present one, under its own path. Default `present`. */
  readonly api?: "present" | "older";
}

/** The address registry's CommunicationParty API. */
export interface CommunicationPartyClient {
  /**
   * One party by its HER-id; `undefined` when the registry has none (404).
   *
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `abort/cancelled`
   */
  party(herId: HerId, options?: CallOptions): Promise<CommunicationPartyDetails | undefined>;
}

/** @throws {HelsekontaktError} `config/invalid` */
export function createCommunicationPartyClient(options: CommunicationPartyClientOptions): CommunicationPartyClient {
  const client = createPathClient<paths>(options);
  const operation = options.api === "older" ? operations.getCommunicationPartyOlder : operations.getCommunicationParty;
  const fetch = createTransport(options, operation, "is-an-answer");
  return {
    async party(herId, { signal } = {}) {
      throwIfAborted(signal);
      const path = { herId: herIdNumber(herId) };
      checkLimits(path, operation.parameterLimits);
      const { data, response } = await readAnswer(operation, () =>
        client.GET(operation.path, {
          params: { path },
          headers: { accept: operation.responseMediaTypes["200"].join(", ") },
          fetch,
          ...(signal === undefined ? {} : { signal }),
        }),
      );
      if (response.status === 404) return undefined;
      if (!isRecord(data) || String(data["herId"]) !== String(path.herId))
        throw invalidAnswer(operation, "the party that was asked for", "something else");
      return data as CommunicationPartyDetails;
    },
  };
}
