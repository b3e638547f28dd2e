import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type AmqpConnection, connectAmqp } from "../connection/connection.ts";
import type { AmqpSettings } from "../connection/settings.ts";
import type { Outcome } from "../connection/outcome.ts";
import type { InboundDelivery } from "../connection/subscription-types.ts";
import type { WireMessage } from "../connection/wire-message.ts";
import { startTcpProxy, type TcpProxy } from "./proxy.ts";

/** @internal A broker under test. */
export interface ContractEnvironment {
  /** Plain TCP on host and port, with user, password and namespace. */
  readonly settings: AmqpSettings & { readonly host: string; readonly port: number };
  /** A fresh, empty, durable queue, bound to the namespace by its own name. */
  makeQueue(): Promise<string>;
  /** Where this broker puts what was rejected from a queue; absent: nowhere. */
  readonly deadLettersOf?: (queue: string) => string;
  /** What this broker does otherwise than RabbitMQ 3, or than AMQP 1.0 says and the library cannot mend. */
  readonly quirks?: BrokerQuirks;
}

/** @internal */
export interface BrokerQuirks {
  /** RabbitMQ 3.10 hands out several data sections in reverse order (measured). */
  readonly reversesDataSections?: boolean;
  /** Qpid Proton's messages keep the last of several data sections (measured). */
  readonly keepsLastDataSection?: boolean;
  /** Takes `modified`, and counts deliveries by it. */
  readonly takesModified?: boolean;
  /** Answers `released` for a message that no queue takes; the others accept and drop it. */
  readonly releasesUnroutable?: boolean;
  /** Makes a queue for every address that it has not seen. */
  readonly makesQueues?: boolean;
  /** Lets everybody in. */
  readonly withoutPasswords?: boolean;
  /** Does not say that it has handed a message out before, unless by a count of failures; Proton writes no "false". */
  readonly marksNoRedelivery?: boolean;
}

/** @internal */
export interface ContractCase {
  readonly name: string;
  /** A broker with this quirk cannot show what the case is about. */
  readonly unless?: keyof BrokerQuirks;
  /** Rejects when the broker and the library do not keep the contract. */
  run(environment: ContractEnvironment): Promise<void>;
}

/** @internal Everything that a case opened, closed in reverse order whatever happens. */
export class Scope {
  readonly environment: ContractEnvironment;
  readonly #closers: (() => Promise<unknown>)[] = [];

  constructor(environment: ContractEnvironment) {
    this.environment = environment;
  }

  async connect(settings: Partial<AmqpSettings> = {}): Promise<AmqpConnection> {
    const connection = await connectAmqp({
      ...this.environment.settings,
      backOffMs: { initial: 50, max: 500 },
      ...settings,
    });
    this.#closers.push(() => connection.close({ drainMs: 2_000 }));
    return connection;
  }

  async proxy(): Promise<TcpProxy> {
    const proxy = await startTcpProxy(this.environment.settings);
    this.#closers.push(() => proxy.close());
    return proxy;
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.toReversed()) await closer();
  }
}

/** @internal */
export function scoped(name: string, run: (scope: Scope) => Promise<void>, unless?: keyof BrokerQuirks): ContractCase {
  return {
    name,
    ...(unless === undefined ? {} : { unless }),
    async run(environment) {
      const scope = new Scope(environment);
      try {
        await run(scope);
      } finally {
        await scope.close();
      }
    },
  };
}

/** @internal */
export function message(
  to: string,
  body: Uint8Array = Buffer.from("<a/>"),
  messageId: string = randomUUID(),
): WireMessage {
  return {
    messageId,
    correlationId: messageId,
    to,
    subject: "DIALOG_INNBYGGER_TEST",
    replyTo: "8141703_async",
    contentType: "text/plain",
    applicationProperties: { fromHerId: "93252", toHerId: "93238", applicationTimeStamp: "2025-01-02T03:04:05Z" },
    body,
  };
}

/** @internal Waits for a condition that other parties bring about; gives up loudly. */
export async function until(what: string, condition: () => boolean, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`expected ${what} within ${limitMs} ms`);
    await sleep(10);
  }
}

/** @internal Something that a handler waits for until the case lets it go. */
export function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** @internal Collects `count` deliveries, each accepted, then stops. */
export async function collect(connection: AmqpConnection, queue: string, count: number): Promise<InboundDelivery[]> {
  const got: InboundDelivery[] = [];
  const subscription = connection.receive(queue, (delivery) => {
    got.push(delivery);
    return Promise.resolve<Outcome>("accept");
  });
  await subscription.attached;
  await until(`${count} messages on the queue`, () => got.length >= count);
  await subscription.stop();
  return got;
}
