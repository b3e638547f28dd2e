import type { Inbox } from "./inbox.ts";
import type { InboxEntry } from "./inbox-rows.ts";
import type { Outbox } from "./outbox-api.ts";
import type { OutboxEntry } from "./outbox-rows.ts";
import type { Cancellable, Parts } from "./parts.ts";

/** `outbox`: failed on its way out. `inbox`: quarantined on its way in. */
export type Box = "outbox" | "inbox";

/** A message that nothing more is done for by itself. */
export type AsideEntry =
  | { readonly box: "outbox"; readonly entry: OutboxEntry }
  | { readonly box: "inbox"; readonly entry: InboxEntry };

/** That a message was set aside just now, in this process. Ids and codes only. */
export interface AsideNotice {
  readonly box: Box;
  readonly id: string;
  /** Error code or AMQP condition. */
  readonly reason: string;
}

/** Messages that were set aside: they hold nothing up, and wait for an operator. */
export interface SetAside {
  /** Oldest first, at most `limit` (default 100) of a box; continue after the last one's id. */
  list(
    box: Box,
    filter?: Cancellable & { readonly after?: string; readonly limit?: number },
  ): Promise<readonly AsideEntry[]>;
  /**
   * Sends or handles it again, with all its tries before it.
   *
   * @param options.messageId - outbox: a new AMQP id. One that the receiver's transport has refused gets one anyhow: its
   *   receiver drops what comes under the old one.
   * @throws {HelsekontaktError} `journal/not-found`, `journal/conflict` when it is not set aside or its payload is gone
   */
  retry(box: Box, id: string, options?: Cancellable & { readonly messageId?: string }): Promise<void>;
  /**
   * Gives it up: its payload is deleted, its ids stay known.
   *
   * @throws {HelsekontaktError} `journal/not-found`, `journal/conflict` when it is not set aside
   */
  drop(box: Box, id: string, options?: Cancellable & { readonly reason?: string }): Promise<void>;
  /** Calls `listener` for every message that this process sets aside; returns a function that ends the listening. */
  onAside(listener: (notice: AsideNotice) => void): () => void;
}

/** Tells of messages that were set aside, after the commit. What a listener throws is ignored. @internal */
export function tellAside(parts: Parts, box: Box, ids: readonly string[], reason: string): void {
  for (const listener of parts.asideListeners)
    for (const id of ids)
      try {
        listener({ box, id, reason });
      } catch {
        // The message is set aside whatever a listener makes of it.
      }
}

/** @internal */
export function createSetAside(parts: Parts, outbox: Outbox, inbox: Inbox): SetAside {
  return {
    async list(box, filter = {}) {
      if (box === "inbox")
        return (await inbox.list({ ...filter, state: "quarantined" })).map((entry) => ({ box, entry }));
      return (await outbox.list({ ...filter, transport: "failed" })).map((entry) => ({ box, entry }));
    },
    async retry(box, id, options = {}) {
      if (box === "inbox") await inbox.requeue(id, options);
      else await outbox.resend(id, options);
    },
    async drop(box, id, { reason = "operator/dropped", ...options } = {}) {
      await (box === "inbox" ? inbox : outbox).drop(id, reason, options);
    },
    onAside(listener) {
      parts.asideListeners.add(listener);
      return () => parts.asideListeners.delete(listener);
    },
  };
}
