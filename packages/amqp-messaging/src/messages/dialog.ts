import { HelsekontaktError } from "@helsekontakt/core";
import { type Code7601, type Code7602, codedValue } from "@helsekontakt/types/codes";
import type { v11 } from "@helsekontakt/types/dialogmelding";
import { type AnyElement, parseXml, serializeXml, type XmlElement } from "@helsekontakt/types/xml";

const xhtmlNs = "http://www.w3.org/1999/xhtml";
const rootName = "{http://www.kith.no/xmlstds/dialog/2013-01-23}Dialogmelding";

/** Text of a dialogue: plain, or one XHTML `div` as text (modules Text, List, Presentation, Basic Tables). */
export type DialogText = string | { readonly xhtml: string };

/** A request: `HE` from a citizen; `DI` (an answer is possible) or `EKI` (one-way) from a provider. */
export interface DialogRequest {
  readonly kind: "request";
  /** List 7601. Readers meet any code, also such as the guide does not list. */
  readonly type: Code7601;
  /** At most 50 characters in Helsenorge's user interface. */
  readonly subject?: string;
  /** At most 1000 characters in Helsenorge's user interface. */
  readonly text?: DialogText;
  /** The health contact's id in the provider's system. */
  readonly sakstype?: string;
}

/** An answer, whoever sends it: `19` from a provider, `22` from a citizen; `26`, `30`, `31` reject the request. */
export interface DialogAnswer {
  readonly kind: "answer";
  /** List 7602. */
  readonly theme: Code7602;
  readonly subject?: string;
  readonly text?: DialogText;
  readonly sakstype?: string;
  /** Who answered, shown to the citizen. */
  readonly author?: { readonly givenName: string; readonly familyName: string };
}

export type DialogPart = DialogRequest | DialogAnswer;

/**
 * Builds a Dialogmelding 1.1 with one request or one answer.
 *
 * @throws {HelsekontaktError} `input/invalid` when an XHTML text is not one `div` in the XHTML namespace.
 * @see HITS 1217:2018 §2.4, §3.3
 */
export function buildDialogmelding(part: DialogPart): AnyElement {
  const value: v11.Dialogmelding = {
    ...(part.sakstype === undefined ? {} : { Sakstype: part.sakstype }),
    ...(part.kind === "request" ? { Foresporsel: [request(part)] } : { Notat: [note(part)] }),
  };
  return { name: rootName, value };
}

function request(part: DialogRequest): v11.Foresporsel {
  return {
    TypeForesp: codedValue("7601", part.type),
    ...(part.subject === undefined ? {} : { EmneSporsmal: part.subject }),
    ...(part.text === undefined ? {} : { Sporsmal: anyText(part.text) }),
  };
}

function note(part: DialogAnswer): v11.Notat {
  return {
    TemaKodet: codedValue("7602", part.theme),
    ...(part.subject === undefined ? {} : { Tema: part.subject }),
    ...(part.text === undefined ? {} : { TekstNotatInnhold: anyText(part.text) }),
    ...(part.author === undefined
      ? {}
      : {
          RollerRelatertNotat: [
            {
              RolleNotat: codedValue("9057", "1"),
              Person: { GivenName: part.author.givenName, FamilyName: part.author.familyName },
            },
          ],
        }),
  };
}

function anyText(text: DialogText): { $content: (string | AnyElement)[] } {
  if (typeof text === "string") return { $content: [text] };
  const element = parseXml(new TextEncoder().encode(text.xhtml));
  if (element.ns !== xhtmlNs || element.name !== "div") {
    throw new HelsekontaktError(
      "input/invalid",
      `expected XHTML text to be one div in the namespace ${xhtmlNs}, found another root element`,
    );
  }
  return { $content: [{ name: `{${xhtmlNs}}div`, element }] };
}

/** True for the payload that {@link readDialogmelding} reads. */
export function isDialogmelding(item: AnyElement): boolean {
  return item.name === rootName && item.value !== undefined;
}

/** Reads the requests and answers of a Dialogmelding 1.1, in order. */
export function readDialogmelding(item: AnyElement): DialogPart[] {
  const { Sakstype, Foresporsel = [], Notat = [] } = item.value as v11.Dialogmelding;
  const sakstype = Sakstype === undefined ? {} : { sakstype: Sakstype };
  return [
    ...Foresporsel.map((f): DialogRequest => {
      const text = textOf(f.Sporsmal);
      return {
        kind: "request",
        type: (f.TypeForesp.$V ?? "").trim() as Code7601,
        ...sakstype,
        ...(f.EmneSporsmal === undefined ? {} : { subject: f.EmneSporsmal }),
        ...(text === undefined ? {} : { text }),
      };
    }),
    ...Notat.map((n): DialogAnswer => {
      const text = textOf(n.TekstNotatInnhold);
      const person = n.RollerRelatertNotat?.[0]?.Person ?? n.RollerRelatertNotat?.[0]?.HealthcareProfessional;
      return {
        kind: "answer",
        theme: (n.TemaKodet.$V ?? "").trim() as Code7602,
        ...sakstype,
        ...(n.Tema === undefined ? {} : { subject: n.Tema }),
        ...(text === undefined ? {} : { text }),
        ...(person === undefined
          ? {}
          : { author: { givenName: person.GivenName ?? "", familyName: person.FamilyName ?? "" } }),
      };
    }),
  ];
}

function textOf(value: { readonly $content?: readonly (string | AnyElement)[] } | undefined): DialogText | undefined {
  const content = value?.$content;
  if (content === undefined || content.length === 0) return undefined;
  const markup = content.find((c): c is Exclude<typeof c, string> => typeof c !== "string");
  if (markup?.element !== undefined)
    return { xhtml: new TextDecoder().decode(serializeXml(markup.element, { declaration: false })) };
  return content.filter((c) => typeof c === "string").join("");
}

/** The text without markup, for previews and length checks. */
export function plainText(text: DialogText): string {
  if (typeof text === "string") return text;
  const flatten = (e: XmlElement): string => e.content.map((c) => (typeof c === "string" ? c : flatten(c))).join("");
  return flatten(parseXml(new TextEncoder().encode(text.xhtml)));
}
