import { setImmediate as breathe } from "node:timers/promises";
import { defaultXmlLimits, readXml, type XmlHandler, type XmlLimits, type XmlTag } from "@helsekontakt/types/xml";
import { type ShortenedPayload, shortenPayload } from "./shorten-payload.ts";

const msgHead = "http://www.kith.no/xmlstds/msghead/2006-05-24";
const appRecs: readonly string[] = [
  "http://www.kith.no/xmlstds/apprec/2004-11-21",
  "http://www.kith.no/xmlstds/apprec/2012-02-15",
];

/** What is known of a payload's root, without reading it into objects. */
export interface PayloadFacts {
  /** Root element in Clark form. */
  readonly root: string;
  /** The `X-…` application properties; none of them is a person's data. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Every HER-id and organisation number of the payload's sender, on any level, as they stand. */
  readonly sender: { readonly herIds: readonly string[]; readonly organisationNumbers: readonly string[] };
}

/**
 * Takes the facts out of a payload that travel as application properties: message type and id, conversation, HER-ids of
 * both levels, namespace of the content, attachments. A single pass over the bytes; nothing but these facts is kept.
 *
 * The namespace of the content is the element's own. (The official library reports the default namespace in scope.)
 *
 * @throws {HelsekontaktError} `xml/not-well-formed`, `xml/doctype-refused`, `xml/encoding`, `xml/limit-exceeded`
 */
export function payloadFacts(bytes: Uint8Array, options: { readonly limits?: Partial<XmlLimits> } = {}): PayloadFacts {
  const work = shortenPayload(bytes, options.limits?.maxText ?? defaultXmlLimits.maxText);
  for (;;) {
    const step = work.next();
    if (step.done === true) return collect(bytes, step.value, options);
  }
}

/** @internal The same, and the event loop gets its turn between slices of a large payload. */
export async function payloadFactsInTurns(bytes: Uint8Array): Promise<PayloadFacts> {
  const work = shortenPayload(bytes, defaultXmlLimits.maxText);
  for (;;) {
    const step = work.next();
    if (step.done === true) return collect(bytes, step.value, {});
    await breathe();
  }
}

function collect(
  bytes: Uint8Array,
  shortened: ShortenedPayload | undefined,
  options: { readonly limits?: Partial<XmlLimits> },
): PayloadFacts {
  const maxBytes = options.limits?.maxBytes ?? defaultXmlLimits.maxBytes;
  if (shortened !== undefined && bytes.byteLength <= maxBytes)
    try {
      return read(shortened.bytes, new Collector(shortened.lengthOf), options);
    } catch {
      // Read again as it is, so that the fault has the line that it has in the document.
    }
  return read(bytes, new Collector(Buffer.byteLength), options);
}

function read(
  bytes: Uint8Array,
  collector: Collector,
  options: { readonly limits?: Partial<XmlLimits> },
): PayloadFacts {
  readXml(bytes, collector, options);
  return { root: collector.root, metadata: collector.metadata(), sender: collector.sender };
}

/** The `X-…` application properties of a payload; see {@link payloadFacts}. */
export function payloadMetadata(bytes: Uint8Array): Record<string, string> {
  return { ...payloadFacts(bytes).metadata };
}

/** Text of these elements becomes a property. */
const msgHeadTexts: Readonly<Record<string, string>> = {
  "MsgHead/MsgInfo/MsgId": "X-MessageInfo-MsgId",
  "MsgHead/MsgInfo/ConversationRef/RefToParent": "X-MessageInfo-RefToParent",
  "MsgHead/MsgInfo/ConversationRef/RefToConversation": "X-MessageInfo-RefToConversation",
};
const appRecTexts: Readonly<Record<string, string>> = {
  "AppRec/Id": "X-MessageInfo-MsgId",
  "AppRec/OriginalMsgId/Id": "X-MessageInfo-OriginalMsgId",
};
const codes: Readonly<Record<string, string>> = {
  "MsgHead/MsgInfo/Type": "X-MessageInfo-Type",
  "AppRec/MsgType": "X-MessageInfo-Type",
  "AppRec/OriginalMsgId/MsgType": "X-MessageInfo-OriginalMsgType",
};
/** Elements that hold `Id` and `TypeId`; the rank says which wins on level 2. */
const holders: Readonly<Record<string, readonly [property: string, rank: number]>> = Object.fromEntries(
  ["Sender", "Receiver"].flatMap((side) => [
    [`MsgHead/MsgInfo/${side}/Organisation/Ident`, [`X-${side}-Lvl1Id`, 0]],
    [`MsgHead/MsgInfo/${side}/Organisation/Organisation/Ident`, [`X-${side}-Lvl2Id`, 0]],
    [`MsgHead/MsgInfo/${side}/Organisation/HealthcareProfessional/Ident`, [`X-${side}-Lvl2Id`, 1]],
    [`AppRec/${side}/HCP/Inst`, [`X-${side}-Lvl1Id`, 0]],
    [`AppRec/${side}/HCP/Inst/Dept`, [`X-${side}-Lvl2Id`, 0]],
    [`AppRec/${side}/HCP/Inst/HCPerson`, [`X-${side}-Lvl2Id`, 1]],
  ]),
);

/** Where else a sender may be named, besides the places that travel as properties. */
const senderPlaces =
  /^(?:MsgHead\/MsgInfo\/Sender\/.*\/Ident|AppRec\/Sender\/HCP\/Inst(?:\/Dept|\/HCPerson)?(?:\/AdditionalId)?)$/;

class Collector implements XmlHandler {
  root = "";
  readonly sender: { readonly herIds: string[]; readonly organisationNumbers: string[] } = {
    herIds: [],
    organisationNumbers: [],
  };
  #kind: "msghead" | "apprec" | "other" = "other";
  #rootNs = "";
  readonly #lengthOf: (text: string) => number;
  /** Paths of the open elements, by local names from the root; an element of another namespace stands as `*`. */
  readonly #paths: string[] = [];
  readonly #found = new Map<string, string>();
  readonly #ranks = new Map<string, number>();
  /** Id and type of the identifier holders that are open, innermost last. */
  readonly #holders: { readonly path: string; id?: string; type?: string }[] = [];
  #text: string[] | undefined;
  #documents = 0;
  #attachmentBytes = 0;
  #external = false;
  /** Depth of the container that is open. */
  #base64: number | undefined;

  constructor(lengthOf: (text: string) => number) {
    this.#lengthOf = lengthOf;
  }

  open(tag: XmlTag): void {
    const above = this.#paths.at(-1);
    if (above === undefined) this.#begin(tag);
    const name = tag.uri === this.#rootNs ? tag.local : `*${tag.local}`;
    const path = above === undefined ? name : `${above}/${name}`;
    this.#paths.push(path);
    if (this.#kind === "other") return;
    const attribute = tag.attributes.find((a) => a.name === "V")?.value;
    const code = codes[path];
    if (code !== undefined && attribute !== undefined) this.#set(code, attribute);
    if (holders[path] !== undefined || senderPlaces.test(path)) this.#holders.push({ path });
    const holder = this.#holders.at(-1);
    // A further identifier of an AppRec has Type where all others have TypeId.
    const isType = holder !== undefined && (path === `${holder.path}/TypeId` || path === `${holder.path}/Type`);
    if (isType && attribute !== undefined) holder.type ??= attribute;
    if (
      msgHeadTexts[path] !== undefined ||
      appRecTexts[path] !== undefined ||
      (holder !== undefined && path === `${holder.path}/Id`)
    )
      this.#text = [];
    if (this.#kind === "msghead") this.#openInDocument(path, tag);
  }

  text(text: string): void {
    this.#text?.push(text);
    // The reader ends a piece at every tag and comment, which is where text nodes end. One of white space only does not count.
    if (this.#base64 !== undefined && /[^ \t\r\n]/.test(text)) this.#attachmentBytes += this.#lengthOf(text);
  }

  close(): void {
    const path = this.#paths.at(-1) ?? "";
    const text = this.#text?.join("");
    this.#text = undefined;
    const holder = this.#holders.at(-1);
    if (text !== undefined) {
      const property = msgHeadTexts[path] ?? appRecTexts[path];
      if (property !== undefined) this.#set(property, text);
      else if (holder !== undefined) holder.id ??= text;
    }
    if (holder?.path === path) this.#endHolder(path);
    if (this.#base64 === this.#paths.length) this.#base64 = undefined;
    this.#paths.pop();
  }

  metadata(): Record<string, string> {
    const out: Record<string, string> = {};
    for (const [name, value] of this.#found) if (value.trim() !== "") out[name] = value;
    if (this.#kind !== "msghead")
      return { ...out, ...(this.#rootNs === "" ? {} : { "X-MessageInfo-SchemaNamespace": this.#rootNs }) };
    return {
      ...out,
      "X-AttachmentInfo-Count": String(Math.max(0, this.#documents - 1)),
      "X-AttachmentInfo-TotalSizeInBytes": String(this.#attachmentBytes),
      "X-AttachmentInfo-HasExternalReference": this.#external ? "True" : "False",
    };
  }

  #begin(tag: XmlTag): void {
    this.root = tag.uri === "" ? tag.local : `{${tag.uri}}${tag.local}`;
    this.#rootNs = tag.uri;
    if (tag.local === "MsgHead" && tag.uri === msgHead) this.#kind = "msghead";
    if (tag.local === "AppRec" && appRecs.includes(tag.uri)) this.#kind = "apprec";
  }

  #openInDocument(path: string, tag: XmlTag): void {
    if (path === "MsgHead/Document") this.#documents++;
    const content = "MsgHead/Document/RefDoc/Content/";
    if (
      this.#documents === 1 &&
      path.startsWith(content) &&
      this.#paths.length === 5 &&
      !this.#found.has("X-MessageInfo-SchemaNamespace")
    )
      this.#set("X-MessageInfo-SchemaNamespace", tag.uri);
    if (this.#documents < 2) return;
    if (path === "MsgHead/Document/RefDoc/FileReference") this.#external = true;
    if (path.startsWith(content) && tag.local === "Base64Container" && this.#base64 === undefined)
      this.#base64 = this.#paths.length;
  }

  #endHolder(path: string): void {
    const holder = this.#holders.pop();
    const id = holder?.id?.trim() ?? "";
    if (holder === undefined || id === "") return;
    if (senderPlaces.test(path)) {
      if (holder.type === "HER") this.sender.herIds.push(id);
      if (holder.type === "ENH") this.sender.organisationNumbers.push(id);
    }
    if (holders[path] === undefined || holder.type !== "HER" || holder.id === undefined) return;
    const [property, rank] = holders[path];
    const known = this.#ranks.get(property);
    if (known !== undefined && known <= rank) return;
    this.#ranks.set(property, rank);
    this.#found.set(property, holder.id);
  }

  #set(name: string, value: string): void {
    if (!this.#found.has(name)) this.#found.set(name, value);
  }
}
