import { HelsekontaktError } from "@helsekontakt/core";
import type { QueueSenderHost } from "../connection/queue-sender.ts";
import type { Transport } from "../connection/transport.ts";
import type { Opened } from "./entry.ts";
import { isBrokerAnnotation, isDeathHeader, marks, movedFrom } from "./marker.ts";
import { rewriteMessage } from "./sections.ts";
import { Target } from "./target.ts";
import type { MessageFate, MoveOptions } from "./types.ts";

/** @internal What became of one message of a batch. */
export interface Decided {
  readonly message: Opened;
  readonly fate: MessageFate;
  /** Queue that the copy is in. */
  readonly target?: string;
}

/** @internal A batch as it was dealt with. What is `done` may be removed, also when `stopped` says that this was the last. */
export interface BatchResult {
  readonly decided: readonly Decided[];
  readonly stopped?: HelsekontaktError;
}

interface Copy {
  readonly message: Opened;
  readonly bytes: Buffer;
}

/** Links to targets that are kept open at a time. */
const keptTargets = 30;
const manyRefused = 20;

/**
 * @internal Puts copies of messages into other queues: durable, with the same ids and the same body, marked as moved, and
 * without what brokers say of an earlier death. A copy counts only when it was accepted and its queue was there afterwards.
 */
export class Copier {
  readonly #host: QueueSenderHost;
  readonly #transport: Transport;
  readonly #queue: string;
  readonly #run: string;
  readonly #to: string | undefined;
  readonly #options: MoveOptions;
  readonly #targets = new Map<string, Target>();
  /** Queues that do not exist. */
  readonly #missing = new Set<string>();
  #refusedInRow = 0;

  constructor(
    host: QueueSenderHost,
    transport: Transport,
    act: { readonly queue: string; readonly run: string; readonly to: string | undefined },
    options: MoveOptions,
  ) {
    this.#host = host;
    this.#transport = transport;
    this.#queue = act.queue;
    this.#run = act.run;
    this.#to = act.to;
    this.#options = options;
  }

  async batch(messages: readonly Opened[], dryRun: boolean): Promise<BatchResult> {
    const decided: Decided[] = [];
    const byTarget = new Map<string, Opened[]>();
    for (const message of messages) {
      const target = this.#to ?? message.raw.diedAt;
      if (message.message === undefined) decided.push({ message, fate: "unreadable" });
      else if (target === undefined || target === this.#queue) decided.push({ message, fate: "no-target" });
      else if (this.#options.again !== true && movedFrom(message.message).includes(this.#queue))
        decided.push({ message, fate: "returned" });
      else byTarget.set(target, [...(byTarget.get(target) ?? []), message]);
    }
    for (const [name, chosen] of byTarget)
      try {
        const { decided: more, stopped } = await this.#copyAll(name, chosen, dryRun);
        decided.push(...more);
        if (stopped !== undefined) return { decided, stopped };
      } catch (error) {
        return { decided, stopped: HelsekontaktError.from(error) };
      }
    return { decided };
  }

  close(): void {
    for (const target of this.#targets.values()) target.close();
  }

  async #copyAll(name: string, messages: readonly Opened[], dryRun: boolean): Promise<BatchResult> {
    const target = await this.#target(name);
    if (target === undefined) return { decided: messages.map((message) => ({ message, fate: "no-target" })) };
    const all = (fate: MessageFate, some: readonly Opened[]): Decided[] =>
      some.map((message) => ({ message, fate, target: name }));
    if (dryRun) return { decided: all("done", messages) };
    const decided: Decided[] = [];
    const copies: Copy[] = [];
    for (const message of messages) {
      const bytes = this.#copyOf(message);
      if (bytes === undefined) decided.push({ message, fate: "unreadable" });
      else copies.push({ message, bytes });
    }
    // A key without a binding swallows what is sent with it: risk one message, not a batch.
    const proof = target.proven ? undefined : copies.shift();
    if (proof !== undefined) {
      await this.#prove(target, proof);
      decided.push(...all("done", [proof.message]));
    }
    const outcomes = await Promise.allSettled(copies.map(({ bytes }) => target.send(bytes, this.#options.signal)));
    const faults = outcomes.flatMap((o) => (o.status === "rejected" ? [HelsekontaktError.from(o.reason)] : []));
    const refusals = faults.filter(isRefused);
    this.#refusedInRow = refusals.length < outcomes.length ? 0 : this.#refusedInRow + refusals.length;
    // Not under the caller's signal: what has been sent is seen through.
    if (outcomes.length > faults.length) await target.verify();
    for (const [i, { message }] of copies.entries()) {
      const outcome = outcomes[i];
      if (outcome?.status === "fulfilled") decided.push(...all("done", [message]));
      else if (isRefused(outcome?.reason)) decided.push(...all("refused", [message]));
    }
    // One message may be refused for what it is; many in a row are refused for what the queue is: full.
    const stopped =
      faults.find((fault) => !isRefused(fault)) ?? (this.#refusedInRow >= manyRefused ? refusals[0] : undefined);
    return { decided, ...(stopped === undefined ? {} : { stopped }) };
  }

  async #prove(target: Target, { bytes }: Copy): Promise<void> {
    const before = await target.verify(this.#options.signal);
    await target.send(bytes, this.#options.signal);
    for (let look = 0; look < 20; look++) {
      const now = await target.verify();
      if (before !== undefined && now !== undefined && now > before) {
        target.proven = true;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new HelsekontaktError(
      "amqp/link-refused",
      `expected the first copy to be seen in "${target.queue}" by way of the exchange, it was not`,
      {
        hint: "The message stays. Is the queue bound to the exchange by its own name? A queue that others read at the same time cannot be proved so.",
      },
    );
  }

  /** Nothing for a message whose sections cannot be told apart. */
  #copyOf({ held, message }: Opened): Buffer | undefined {
    if (held.bytes === undefined || message === undefined) return undefined;
    try {
      return rewriteMessage(held.bytes, {
        drop: isDeathHeader,
        dropAnnotation: isBrokerAnnotation,
        set: marks(message, this.#queue, this.#run),
      });
    } catch {
      return undefined;
    }
  }

  /** Nothing when there is no such queue; a target that the caller named must be there. */
  async #target(name: string): Promise<Target | undefined> {
    const known = this.#targets.get(name);
    if (known !== undefined || this.#missing.has(name)) return known;
    const target = new Target(this.#host, this.#transport, name, this.#options.route ?? "queue");
    try {
      await target.verify(this.#options.signal);
    } catch (error) {
      if (this.#to !== undefined || HelsekontaktError.from(error).code !== "amqp/link-refused") throw error;
      this.#missing.add(name);
      return undefined;
    }
    if (this.#targets.size >= keptTargets) {
      const [oldest] = this.#targets;
      oldest?.[1].close();
      this.#targets.delete(oldest?.[0] ?? "");
    }
    this.#targets.set(name, target);
    return target;
  }

  /** @throws {HelsekontaktError} `amqp/link-refused` when the target does not exist or may not be looked at */
  async checkTarget(): Promise<void> {
    if (this.#to !== undefined) await this.#target(this.#to);
  }
}

function isRefused(reason: unknown): boolean {
  return ["amqp/rejected", "amqp/released"].includes(HelsekontaktError.from(reason).code);
}
