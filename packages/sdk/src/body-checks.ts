import type { Logger } from "@helsekontakt/core";
import type { BodyChecks, BodyFinding } from "@helsekontakt/rest-client";

/** APIs whose documents are at hand. Their checks are loaded where they are asked for. */
const tables = {
  aktivsjekken: () => import("@helsekontakt/validators/openapi/aktivsjekken"),
  helsekontakter: () => import("@helsekontakt/validators/openapi/helsekontakter"),
  cppa: () => import("@helsekontakt/validators/openapi/cppa"),
  communicationParty: () => import("@helsekontakt/validators/openapi/communication-party"),
} as const;

/** @internal An API by the name of its document. */
export type DocumentedApi = keyof typeof tables;

/** @internal The judge of one API's bodies; undefined where the configuration wants none. */
export function bodyChecks(
  api: DocumentedApi,
  setting: "off" | "warning" | "error" | undefined,
  logger: Logger,
  tell: (finding: BodyFinding & { readonly api: DocumentedApi }) => void,
): BodyChecks | undefined {
  if (setting === undefined || setting === "off") return undefined;
  return {
    answers: setting,
    async check(place, body) {
      const [{ validateBody }, { bodies }] = await Promise.all([
        import("@helsekontakt/validators/openapi"),
        tables[api](),
      ]);
      return validateBody(bodies, place, body);
    },
    onFinding(finding) {
      logger.warn("an answer is not as the API's document states", {
        api,
        operation: finding.operation,
        status: finding.status,
        issues: finding.issues.length,
      });
      tell({ api, ...finding });
    },
  };
}
