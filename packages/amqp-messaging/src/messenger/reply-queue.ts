import { hostname } from "node:os";
import { HelsekontaktError } from "@helsekontakt/core";
import { queueNameFromAddress } from "../connection/address.ts";

/**
 * The queue for answers to synchronous calls: one name, or one for each instance, since two readers of one queue would
 * take each other's answers. Names of instances are compared without regard to case.
 */
export type ReplyQueue =
  | string
  | {
      readonly byInstance: Readonly<Record<string, string>>;
      /** Default: this machine's host name. */
      readonly instance?: string;
    };

/**
 * @internal The name of this instance's queue for answers.
 * @throws {HelsekontaktError} `config/missing` when there is none for it
 */
export function ownReplyQueue(queue: ReplyQueue | undefined): string {
  if (typeof queue === "string" && queue !== "") return queue;
  if (typeof queue !== "object")
    throw new HelsekontaktError("config/missing", "expected a queue for the answers to synchronous calls, found none", {
      hint: "Set queues.syncReply: one name, or one for each instance.",
    });
  const instance = queue.instance ?? hostname();
  const hit = Object.entries(queue.byInstance).find(([name]) => name.toLowerCase() === instance.toLowerCase());
  if (hit === undefined || hit[1] === "")
    throw new HelsekontaktError("config/missing", "expected a queue for answers to this instance, found none", {
      context: { instance, instances: Object.keys(queue.byInstance) },
      hint: "Add the instance to queues.syncReply.byInstance.",
    });
  return hit[1];
}

/** @internal The short queue name that a reply-to names, as it is or as a full address; nothing when it can be none. */
export function replyQueueOf(replyTo: string | undefined): string | undefined {
  if (replyTo === undefined) return undefined;
  const name = queueNameFromAddress(replyTo.trim());
  // Letters, digits and what queue names are made of: anything else cannot be a key of the registry's queues.
  return /^[\p{L}\p{N}][\p{L}\p{N}._~-]{0,254}$/u.test(name) ? name : undefined;
}
