import { codeLists } from "@helsekontakt/types/codes";
import type { components, paths } from "@helsekontakt/types/openapi/aktivsjekken";
import { validateBody } from "@helsekontakt/validators/openapi";
import { bodies } from "@helsekontakt/validators/openapi/aktivsjekken";
import type { DigitalStatus } from "../citizens.ts";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import { organisationsOf } from "./tenancy.ts";

type Request = components["schemas"]["AktivSjekkRequest"];
type Response = components["schemas"]["AktivSjekkResponse"];
type Status = components["schemas"]["ErAktivStatus"];

/** Path of the check, as specs/openapi has it. */
export const aktivsjekkenPath: keyof paths = "/digitaltaktiv/helsenorgeaktivsjekken/v1";
/** Its scope; inferred. */
export const aktivsjekkenScope = "nhn:helsenorge.eksternapi/helsenorgeaktivsjekken";

/** How AktivSjekken behaves; change it while it runs. */
export interface AktivsjekkenBehaviour {
  /** Other names of members in the answer than the document's, such as those of older documentation. Default none. */
  names: { readonly [Name in keyof Status]?: string };
  /** The form of the area that it takes: the document's `name`, the integer `code` of Volven 7618, or `both`. Default `name`. */
  area: "name" | "code" | "both";
  /** True for a citizen whom the answer leaves out. */
  omit: (fnr: string) => boolean;
}

/** Today's names, the area as text, nobody left out. */
export function createAktivsjekkenBehaviour(): AktivsjekkenBehaviour {
  return { names: {}, area: "name", omit: () => false };
}

/**
 * Answers as HelsenorgeAktivSjekken does: one entry per known number, none for a number that nobody knows. A request is
 * held to what the document states, the number of citizens among it.
 *
 * @param request - its token has been verified.
 */
export function answerAktivsjekken(
  request: SandboxRequest,
  statusOf: (fnr: string, omraade: Request["omraade"]) => DigitalStatus,
  behaviour: AktivsjekkenBehaviour = createAktivsjekkenBehaviour(),
): SandboxResponse {
  // As for a multi-tenant client that sends no organisation number.
  if (organisationsOf(request).length === 0)
    return { status: 401, body: { Code: "EHSEC-110002", Message: "Token is expired or invalid", ErrorCategory: 1 } };
  const body = readRequest(request.body, behaviour.area);
  if (body === undefined)
    return { status: 400, body: { Code: "EHAPI-100001", Message: "Ugyldig forespørsel", ErrorCategory: 1 } };
  const erAktivListe: NonNullable<Response["erAktivListe"]> = {};
  for (const fnr of body.fnrListe) {
    const status = statusOf(fnr, body.omraade);
    if (status === "unknown" || behaviour.omit(fnr)) continue;
    erAktivListe[fnr] = renamed(
      {
        erDigitaltAktivSelv: status === "self",
        erDigitaltAktivViaAndre: status === "representative" || status === "assigned",
        tildeltFullmakt: status === "assigned",
      },
      behaviour.names,
    );
  }
  return { status: 200, body: { erAktivListe } satisfies Response };
}

function renamed(status: Status, names: AktivsjekkenBehaviour["names"]): Status {
  if (Object.keys(names).length === 0) return status;
  return Object.fromEntries(Object.entries(status).map(([name, flag]) => [names[name as keyof Status] ?? name, flag]));
}

function readRequest(bytes: Buffer, area: AktivsjekkenBehaviour["area"]): Request | undefined {
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof body !== "object" || body === null || !("omraade" in body)) return undefined;
  const named = typeof body.omraade === "string";
  if (named === (area === "code") && area !== "both") return undefined;
  const label = codeLists["7618"].codes.find(({ code }) => code === String(body.omraade))?.label;
  const asked = named ? body : { ...body, omraade: label };
  return validateBody(bodies, { operationId: "checkActive" }, asked)?.valid === true ? (asked as Request) : undefined;
}
