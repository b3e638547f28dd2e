import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface QueueOptions {
  readonly bound?: boolean;
  /** The queue that its dead letters go to. */
  readonly deadLetters?: string;
  /** Messages, at most: more are refused. */
  readonly holds?: number;
}

/** A real RabbitMQ with the AMQP 1.0 plugin, and how to make what NHN's broker would have. */
export interface RabbitMq {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly version: string;
  readonly namespace: string;
  /** A fresh durable queue, bound to the namespace by its own name unless told not to be. */
  makeQueue(options?: QueueOptions): Promise<string>;
  removeQueue(queue: string): Promise<void>;
  /** Puts a message into a queue as a client of AMQP 0.9.1 would; `headers` is a table in Erlang's form. */
  publishOld(queue: string, headers: string): Promise<void>;
  /** Messages that wait in a queue, by the broker's own tool. */
  ready(queue: string): Promise<number>;
  /** Messages that were accepted for a key that no queue is bound to. */
  unroutable(): Promise<number>;
  /** Removes the exchanges and queues that were made. */
  clean(): Promise<void>;
}

/** The broker could not be reached or prepared: the run did not happen, which is a failure. */
export class RabbitMqUnavailable extends Error {}

/**
 * Prepares the broker at HELSEKONTAKT_RABBITMQ (`amqp://user:password@host:port`, default the local one): enables the
 * plugin if it is missing and makes the exchange. Needs `rabbitmqctl` and `rabbitmq-plugins` on this machine.
 */
export async function prepareRabbitMq(): Promise<RabbitMq> {
  const url = new URL(process.env["HELSEKONTAKT_RABBITMQ"] ?? "amqp://guest:guest@127.0.0.1:5672");
  const version = (await ctl("eval", "rabbit_misc:version().")).trim().replaceAll('"', "");
  const enabled = await command("rabbitmq-plugins", ["list", "-q", "-m", "-E"]);
  if (!enabled.split("\n").includes("rabbitmq_amqp1_0"))
    await command("rabbitmq-plugins", ["-q", "enable", "rabbitmq_amqp1_0"]);
  const tag = `hk${process.pid}`;
  const namespace = `${tag}_TESTServiceBus`;
  const spare = `${tag}_unroutable`;
  const queues: string[] = [];
  await erlang(
    `rabbit_exchange:declare(${name("exchange", spare)}, fanout, true, false, false, [], <<"conformance">>)`,
    declareQueue(spare),
    bind(spare, spare, ""),
    `rabbit_exchange:declare(${name("exchange", namespace)}, direct, true, false, false, [{<<"alternate-exchange">>, longstr, <<"${spare}">>}], <<"conformance">>)`,
  );
  queues.push(spare);
  return {
    host: url.hostname,
    port: url.port === "" ? 5672 : Number(url.port),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    version,
    namespace,
    async makeQueue({ bound = true, ...options } = {}) {
      const queue = `${tag}_${queues.length}_async`;
      queues.push(queue);
      await erlang(declareQueue(queue, options), ...(bound ? [bind(namespace, queue, queue)] : []));
      return queue;
    },
    removeQueue: (queue) => erlang(deleteQueue(queue)),
    publishOld: (queue, headers) =>
      erlang(
        `rabbit_basic:publish(${name("exchange", "")}, <<"${queue}">>, [{headers, ${headers}}, {delivery_mode, 2}, {message_id, <<"old">>}], <<"body">>)`,
      ),
    async ready(queue) {
      const lines = (await ctl("list_queues", "name", "messages_ready")).split("\n").map((line) => line.split("\t"));
      return Number(lines.find(([name]) => name === queue)?.[1] ?? Number.NaN);
    },
    async unroutable() {
      const lines = (await ctl("list_queues", "name", "messages")).split("\n").map((line) => line.split("\t"));
      return Number(lines.find(([queue]) => queue === spare)?.[1] ?? Number.NaN);
    },
    async clean() {
      await erlang(
        ...queues.map(deleteQueue),
        ...[namespace, spare].map((e) => `rabbit_exchange:delete(${name("exchange", e)}, false, <<"conformance">>)`),
      );
    },
  };
}

const name = (kind: "exchange" | "queue", text: string): string => `rabbit_misc:r(<<"/">>, ${kind}, <<"${text}">>)`;
const declareQueue = (queue: string, { deadLetters, holds }: QueueOptions = {}): string => {
  const options = [
    ...(deadLetters === undefined
      ? []
      : [
          `{<<"x-dead-letter-exchange">>, longstr, <<"">>}`,
          `{<<"x-dead-letter-routing-key">>, longstr, <<"${deadLetters}">>}`,
        ]),
    ...(holds === undefined
      ? []
      : [`{<<"x-max-length">>, long, ${holds}}`, `{<<"x-overflow">>, longstr, <<"reject-publish">>}`]),
  ];
  return `rabbit_amqqueue:declare(${name("queue", queue)}, true, false, [${options.join(", ")}], none, <<"conformance">>)`;
};
const deleteQueue = (queue: string): string =>
  `case rabbit_amqqueue:lookup(${name("queue", queue)}) of {ok, X} -> rabbit_amqqueue:delete(X, false, false, <<"conformance">>); _ -> none end`;
const bind = (exchange: string, queue: string, key: string): string =>
  `rabbit_binding:add({binding, ${name("exchange", exchange)}, <<"${key}">>, ${name("queue", queue)}, []}, <<"conformance">>)`;

/** Each expression in a scope of its own; what RabbitMQ answers is ignored unless it crashes. */
async function erlang(...expressions: readonly string[]): Promise<void> {
  await ctl("eval", `${expressions.map((e) => `(fun() -> ${e} end)()`).join(", ")}, ok.`);
}

async function ctl(...args: readonly string[]): Promise<string> {
  return await command("rabbitmqctl", ["-q", ...args]);
}

async function command(file: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(file, [...args], { timeout: 60_000 })).stdout;
  } catch (error) {
    const { stderr = "", stdout = "" } = error as { stderr?: string; stdout?: string };
    throw new RabbitMqUnavailable(
      `${file} ${args[0] === "-q" ? args[1] : args[0]} failed: ${(stderr + stdout).trim().slice(0, 600)}`,
      { cause: error },
    );
  }
}
