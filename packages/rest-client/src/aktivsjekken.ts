import { throwIfAborted } from "@helsekontakt/core";
import type { components, paths } from "@helsekontakt/types/openapi/aktivsjekken";
import {
  type CallOptions,
  createPathClient,
  createTransport,
  invalidAnswer,
  type RestClientOptions,
  readAnswer,
} from "./call.ts";
import { olderNames, operations } from "./gen/aktivsjekken.ts";
import { isRecord } from "./http-error.ts";
import { checkLimits } from "./limits.ts";

const operation = operations.checkActive;

/** The question: up to {@link maxNumbersPerCheck} numbers, and the area. */
export type AktivSjekkRequest = components["schemas"]["AktivSjekkRequest"];

/** One citizen's status, under today's names whichever names the service used. */
export type AktivStatus = Readonly<Required<components["schemas"]["ErAktivStatus"]>>;

/** Most numbers in one call, as the document says. */
export const maxNumbersPerCheck: number = operation.limits["/fnrListe"].maxItems;

/** HelsenorgeAktivSjekken. */
export interface AktivsjekkenClient {
  /**
   * Asks which citizens are digitally active.
   *
   * @returns a status per number that was asked and answered. A number that is missing is unknown, which is not a no.
   * @throws {HelsekontaktError} `input/invalid`, `input/too-large`, `rest/*`, `auth/*`, `abort/cancelled`
   * @see HelsenorgeAktivSjekken v1
   */
  check(request: AktivSjekkRequest, options?: CallOptions): Promise<ReadonlyMap<string, AktivStatus>>;
}

/** @throws {HelsekontaktError} `config/invalid` */
export function createAktivsjekkenClient(options: RestClientOptions): AktivsjekkenClient {
  const client = createPathClient<paths>(options);
  const fetch = createTransport(options, operation);
  return {
    async check(request, { signal } = {}) {
      throwIfAborted(signal);
      checkLimits(request, operation.limits);
      const { fnrListe, omraade } = request;
      const data: unknown = await readAnswer(operation, async () => {
        const answer = await client.POST(operation.path, {
          body: { fnrListe, omraade },
          headers: { accept: operation.responseMediaTypes["200"].join(", ") },
          fetch,
          ...(signal === undefined ? {} : { signal }),
        });
        return answer.data;
      });
      return readStatuses(data, fnrListe);
    },
  };
}

function readStatuses(data: unknown, asked: readonly string[]): ReadonlyMap<string, AktivStatus> {
  const list = isRecord(data) ? data["erAktivListe"] : undefined;
  if (!isRecord(list)) throw invalidAnswer(operation, "an object with erAktivListe", "none");
  const statuses = new Map<string, AktivStatus>();
  // Only what was asked: a number that nobody asked for is not ours to know.
  for (const [index, fnr] of asked.entries())
    if (Object.hasOwn(list, fnr)) statuses.set(fnr, readStatus(list[fnr], index));
  return statuses;
}

function readStatus(value: unknown, index: number): AktivStatus {
  if (!isRecord(value)) throw invalidAnswer(operation, `an object for number ${index} of the call`, "something else");
  const self = readFlag(value, "erDigitaltAktivSelv");
  const others = readFlag(value, "erDigitaltAktivViaAndre");
  if (self === undefined || others === undefined)
    throw invalidAnswer(operation, `two flags for number ${index} of the call`, "fewer");
  return {
    erDigitaltAktivSelv: self,
    erDigitaltAktivViaAndre: others,
    // Older answers do not have it.
    tildeltFullmakt: value["tildeltFullmakt"] === true,
  };
}

function readFlag(
  value: Record<string, unknown>,
  name: keyof (typeof olderNames)["ErAktivStatus"],
): boolean | undefined {
  for (const key of [name, ...olderNames.ErAktivStatus[name]]) {
    const flag = value[key];
    if (typeof flag === "boolean") return flag;
  }
  return undefined;
}
