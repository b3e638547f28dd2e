import type { components, paths } from "@helsekontakt/types/openapi/aktivsjekken";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import type { DigitalStatus } from "../citizens.ts";

type Request = components["schemas"]["AktivSjekkRequest"];
type Response = components["schemas"]["AktivSjekkResponse"];

/** Path of the check, as specs/openapi has it. */
export const aktivsjekkenPath: keyof paths = "/digitaltaktiv/helsenorgeaktivsjekken/v1";
/** Its scope; inferred. */
export const aktivsjekkenScope = "nhn:helsenorge.eksternapi/helsenorgeaktivsjekken";

/** Answers as HelsenorgeAktivSjekken does: one entry per known number, none for a number that nobody knows. */
export function answerAktivsjekken(
  request: SandboxRequest,
  statusOf: (fnr: string, omraade: Request["omraade"]) => DigitalStatus,
): SandboxResponse {
  const body = readRequest(request.body);
  if (body === undefined)
    return { status: 400, body: { Code: "EHAPI-100001", Message: "Ugyldig forespørsel", ErrorCategory: 1 } };
  const erAktivListe: NonNullable<Response["erAktivListe"]> = {};
  for (const fnr of body.fnrListe) {
    const status = statusOf(fnr, body.omraade);
    if (status === "unknown") continue;
    erAktivListe[fnr] = {
      erDigitaltAktivSelv: status === "self",
      erDigitaltAktivViaAndre: status === "representative" || status === "assigned",
      tildeltFullmakt: status === "assigned",
    };
  }
  return { status: 200, body: { erAktivListe } satisfies Response };
}

function readRequest(body: Buffer): Request | undefined {
  try {
    const { fnrListe, omraade, ...rest } = JSON.parse(body.toString("utf8")) as Partial<Request>;
    if (Object.keys(rest).length > 0 || !Array.isArray(fnrListe) || fnrListe.length === 0 || fnrListe.length > 1000)
      return undefined;
    if (!fnrListe.every((fnr) => typeof fnr === "string" && /^\d{11}$/.test(fnr))) return undefined;
    return omraade === "Helsehjelp" || omraade === "Ungdom" ? { fnrListe, omraade } : undefined;
  } catch {
    return undefined;
  }
}
