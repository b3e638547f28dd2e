import type { Issue } from "@helsekontakt/core";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { type AnyElement, type AnyType, splitClark } from "@helsekontakt/types/xml";
import { type MessageRuleId, ruleLevels } from "../gen/rules/levels.ts";

/**
 * A decoded value of which any part may be absent: the rules also see messages that the schema refuses, and must say
 * what they can about the rest.
 */
export type Incomplete<T> = T extends string | AnyElement | AnyType
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Incomplete<Item>[]
    : T extends object
      ? { readonly [K in keyof T]?: Incomplete<T[K]> | undefined }
      : T;

/** One element inside a `RefDoc/Content`. */
export interface Payload {
  /** Position of its Document, from 1. */
  readonly document: number;
  /** `/MsgHead/Document[1]/RefDoc/Content/Dialogmelding`; of a second one in the same Document `…/Dialogmelding[2]`. */
  readonly path: string;
  readonly ns: string;
  /** Local name. */
  readonly name: string;
  readonly item: AnyElement;
}

/** What is known about a message besides its text; rules that need it are silent without it. */
export interface MessageSurroundings {
  /** HER-ids of Helsenorge, on either level: they tell who may send which code. */
  readonly helsenorge?: readonly string[];
  /** Properties of the AMQP message that carried it. */
  readonly envelope?: {
    readonly fromHerId?: string | number;
    readonly toHerId?: string | number;
    /** The AMQP subject. */
    readonly messageFunction?: string;
  };
}

/** What every rule gets: the decoded message and a place for findings. */
export interface RuleContext {
  readonly head: Incomplete<MsgHead>;
  /** `MsgInfo/Type/@V`. */
  readonly function: string;
  /** Elements of all Documents, in order. */
  readonly payloads: readonly Payload[];
  readonly surroundings: MessageSurroundings;
  /** The level is the rule's own. */
  add(rule: MessageRuleId, path: string, message: string): void;
}

/** Prepares a decoded message for the rules. */
export function createRuleContext(
  head: Incomplete<MsgHead>,
  issues: Issue[],
  surroundings: MessageSurroundings = {},
): RuleContext {
  const payloads: Payload[] = [];
  (head.Document ?? []).forEach((document, index) => {
    const counts = new Map<string, number>();
    for (const item of document.RefDoc?.Content?.$any ?? []) {
      const { ns, local } = splitClark(item.name);
      const count = (counts.get(local) ?? 0) + 1;
      counts.set(local, count);
      const path = `/MsgHead/Document[${index + 1}]/RefDoc/Content/${local}${count > 1 ? `[${count}]` : ""}`;
      payloads.push({ document: index + 1, path, ns, name: local, item });
    }
  });
  return {
    head,
    function: head.MsgInfo?.Type?.$V?.trim() ?? "",
    payloads,
    surroundings,
    add: issueAdder(issues),
  };
}

/** Takes findings; each rule has one level, which the specification states. */
export function issueAdder(issues: Issue[]): RuleContext["add"] {
  return (rule, path, message) => {
    issues.push({ level: ruleLevels[rule], rule, path, message });
  };
}

/** The decoded value of a payload, when it is a known one of this name. */
export function valueOf<T extends object>(payload: Payload | undefined): Incomplete<T> | undefined {
  const value = payload?.item.value;
  return typeof value === "object" ? (value as Incomplete<T>) : undefined;
}

/** An OID without the blanks that the guide prints in it. Those of XML only: others are no white space to the schema either. */
export function oidOf(text: string | undefined): string {
  return (text ?? "").replace(/[ \t\r\n]+/g, "");
}

/** Characters as a user counts them in a field, roughly: code points. */
export function lengthOf(text: string): number {
  return [...text].length;
}
