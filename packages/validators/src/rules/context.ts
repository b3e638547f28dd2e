import type { Issue, IssueLevel } from "@helsekontakt/core";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { type AnyElement, type AnyType, splitClark } from "@helsekontakt/types/xml";

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
  /** `/MsgHead/Document[1]/RefDoc/Content/Dialogmelding`. */
  readonly path: string;
  readonly ns: string;
  /** Local name. */
  readonly name: string;
  readonly item: AnyElement;
}

/** What every rule gets: the decoded message and a place for findings. */
export interface RuleContext {
  readonly head: Incomplete<MsgHead>;
  /** Elements of all Documents, in order. */
  readonly payloads: readonly Payload[];
  add(level: IssueLevel, rule: `profile/${string}`, path: string, message: string): void;
}

/** Prepares a decoded message for the rules. */
export function createRuleContext(head: Incomplete<MsgHead>, issues: Issue[]): RuleContext {
  const payloads: Payload[] = [];
  (head.Document ?? []).forEach((document, index) => {
    for (const item of document.RefDoc?.Content?.$any ?? []) {
      const { ns, local } = splitClark(item.name);
      const path = `/MsgHead/Document[${index + 1}]/RefDoc/Content/${local}`;
      payloads.push({ document: index + 1, path, ns, name: local, item });
    }
  });
  return {
    head,
    payloads,
    add: (level, rule, path, message) => {
      issues.push({ level, rule, path, message });
    },
  };
}

/** The decoded value of a payload, when it is a known one of this name. */
export function valueOf<T extends object>(payload: Payload | undefined): Incomplete<T> | undefined {
  const value = payload?.item.value;
  return typeof value === "object" ? (value as Incomplete<T>) : undefined;
}

/** Characters as a user counts them in a field, roughly: code points. */
export function lengthOf(text: string): number {
  return [...text].length;
}
