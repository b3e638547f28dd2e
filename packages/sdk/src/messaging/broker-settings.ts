import type { AmqpSettings } from "@helsekontakt/amqp-messaging";
import type { AmqpConfig } from "../config.ts";

/** Where the broker is and who logs in: the configuration's URL, else the environment's host. */
export function brokerSettings(
  amqp: AmqpConfig,
  preset: { readonly amqpHost?: string | undefined; readonly amqpNamespace?: string | undefined },
): AmqpSettings {
  const common = {
    ...(amqp.username === undefined ? {} : { username: amqp.username }),
    ...(amqp.password === undefined ? {} : { password: amqp.password }),
    ...(amqp.namespace === undefined ? {} : { namespace: amqp.namespace }),
    ...(amqp.dialect === undefined ? {} : { dialect: amqp.dialect }),
    ...(amqp.tls === undefined ? {} : { tls: amqp.tls }),
    ...(amqp.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: amqp.idleTimeoutMs }),
  };
  if (amqp.url !== undefined) return { url: amqp.url, ...common };
  const [host, port] = (preset.amqpHost ?? "").split(":");
  return {
    ...(host === undefined || host === "" ? {} : { host, transport: "tls" as const }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(preset.amqpNamespace === undefined ? {} : { namespace: preset.amqpNamespace }),
    ...common,
  };
}
