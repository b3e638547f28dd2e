import { type AmqpConnection, connectAmqp, queueNameFromAddress } from "@helsekontakt/amqp-messaging";
import type { HelsekontaktConfig } from "../config.ts";
import type { EnvironmentPreset } from "../environments.ts";
import { brokerSettings } from "../messaging/broker-settings.ts";
import { faultFinding } from "./fault-finding.ts";
import type { Lookups } from "./registries.ts";
import { type Check, type CheckContext, type Finding, fault, ok } from "./types.ts";

function connectTo(
  config: HelsekontaktConfig,
  preset: EnvironmentPreset,
  signal: AbortSignal,
): Promise<AmqpConnection> {
  // One attempt: a diagnosis tells what is, and does not wait for better times.
  return connectAmqp({ ...brokerSettings(config.amqp ?? {}, preset), connectTimeoutMs: 1 }, { signal });
}

/** User and password hold. */
export const loginCheck: Check = {
  id: "amqp.login",
  title: "login at the broker",
  needs: ["tls.amqp"],
  async run({ config, preset }, signal) {
    try {
      const connection = await connectTo(config, preset, signal);
      await connection.close({ drainMs: 0 });
      return [ok("logged in")];
    } catch (error) {
      return [
        faultFinding(error, "expected a connection, found none", "check amqp.username, amqp.password and the host"),
      ];
    }
  },
};

/** Attaches to the own queues without taking a message from them. */
export function queuesCheck(lookups: Lookups, needsRegistry: boolean): Check {
  return {
    id: "amqp.queues",
    title: "own queues",
    needs: ["amqp.login", ...(needsRegistry ? ["registry.own"] : [])],
    async run(context, signal) {
      const queues = await ownQueues(context, lookups, signal);
      const connection = await connectTo(context.config, context.preset, signal);
      try {
        return await Promise.all(queues.map((q) => attach(connection, q)));
      } finally {
        await connection.close({ drainMs: 0 });
      }
    },
  };
}

interface Queue {
  readonly use: string;
  readonly name: string | undefined;
}

async function ownQueues(context: CheckContext, lookups: Lookups, signal: AbortSignal): Promise<Queue[]> {
  const { queues } = context.config.amqp ?? {};
  const own = context.config.organisation.services[0]?.herId ?? "";
  const known =
    queues?.async === undefined || queues.error === undefined ? await lookups.party(context, own, signal) : undefined;
  const named = (own: string | undefined, registered: string | undefined): string | undefined => {
    const found = own ?? registered;
    return found === undefined ? undefined : queueNameFromAddress(found);
  };
  return [
    { use: "async", name: named(queues?.async, known?.queues.async) },
    { use: "error", name: named(queues?.error, known?.queues.error) },
  ];
}

async function attach(connection: AmqpConnection, { use, name }: Queue): Promise<Finding> {
  if (name === undefined)
    return fault(`expected a queue for ${use}, found none in the address registry`, "register it, or set amqp.queues");
  const subscription = connection.receive(name, () => Promise.resolve("release"));
  // No credit, no messages: they stay for those whom they are for.
  subscription.pause();
  try {
    await subscription.attached;
    return ok(`${use} queue ${name} is there and may be read`);
  } catch (error) {
    return faultFinding(
      error,
      `expected queue ${name}, found none`,
      "check amqp.queues, and the user's rights at the broker",
    );
  } finally {
    await subscription.stop({ drainMs: 0 });
  }
}
