/**
 * Queue administration against a real RabbitMQ: what it must not lose, what it must not take, and what it costs in memory.
 * Exit 0: all held. Exit 1: a case failed. Exit 2: the run could not take place.
 *
 * `queues-admin [--messages N] [--only TEXT]`: how many messages the case of constant memory moves, 100,000 by default,
 * and which cases run, by a part of their names.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import v8 from "node:v8";
import vm from "node:vm";
import {
  type AmqpConnection,
  buildEnvelope,
  connectAmqp,
  openQueues,
  type QueueEntry,
  type Queues,
} from "@helsekontakt/amqp-messaging";
import { prepareRabbitMq, type RabbitMq } from "./_rabbitmq.ts";

const { values } = parseArgs({
  options: { messages: { type: "string", default: "100000" }, only: { type: "string", default: "" } },
});
const many = Number(values.messages);
const megabyte = 1024 * 1024;

interface World {
  readonly broker: RabbitMq;
  readonly connection: AmqpConnection;
  readonly queues: Queues;
  readonly url: string;
}

interface Case {
  readonly name: string;
  run(world: World): Promise<void>;
}

function holds(what: string, condition: boolean): void {
  if (!condition) throw new Error(`expected ${what}`);
}

function same(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`expected ${what} to be ${b}, found ${a}`);
}

/** Puts messages into a queue, a window at a time. */
async function put(connection: AmqpConnection, queue: string, count: number, from = 0, bytes = 200): Promise<void> {
  const body = Buffer.alloc(bytes, "x");
  for (let at = from; at < from + count; at += 1_000)
    await Promise.all(
      Array.from({ length: Math.min(1_000, from + count - at) }, (_, i) =>
        connection.send(
          queue,
          buildEnvelope(
            {
              messageId: `m${at + i}`,
              to: queue,
              function: "DIALOG_INNBYGGER_TEST",
              protection: "plain",
              fromHerId: "93238",
              toHerId: "93252",
              timestamp: Date.UTC(2026, 0, 1),
            },
            body,
          ),
        ),
      ),
    );
}

async function all(entries: AsyncIterable<QueueEntry>): Promise<QueueEntry[]> {
  const out: QueueEntry[] = [];
  for await (const entry of entries) out.push(entry);
  return out;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `m${i}`);
const ids = async (queues: Queues, queue: string): Promise<(string | undefined)[]> =>
  (await all(queues.list(queue))).map((e) => e.messageId);

async function refusal(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "none",
    (error: unknown) => (error as { code?: string }).code ?? "unknown",
  );
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await look())) {
    if (performance.now() > end) throw new Error(`expected ${what} in time`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const cases: readonly Case[] = [
  {
    name: "counts by the broker's own number, and lists in order and by page, with everything back in its place",
    async run({ broker, connection, queues }) {
      const queue = await broker.makeQueue();
      await put(connection, queue, 250);
      same("the count", await queues.count(queue), { messages: 250, by: "broker" });
      same("the ids", await ids(queues, queue), names(250));
      same(
        "the page",
        (await all(queues.list(queue, { skip: 100, limit: 3 }))).map((e) => e.messageId),
        ["m100", "m101", "m102"],
      );
      same("the ids again", await ids(queues, queue), names(250));
      same("what waits", await broker.ready(queue), 250);
      same("a queue that is not there", await refusal(queues.count("nowhere")), "amqp/link-refused");
    },
  },
  {
    name: "D10: move to a queue that does not exist: the original stays, though the broker accepts for it",
    async run({ broker, connection, queues }) {
      const queue = await broker.makeQueue();
      const unbound = await broker.makeQueue({ bound: false });
      await put(connection, queue, 10);
      const before = await broker.unroutable();
      same("by the queue", await refusal(queues.move(queue, "nowhere", { dryRun: false })), "amqp/link-refused");
      const viaExchange = { dryRun: false, route: "exchange" } as const;
      same("by the exchange", await refusal(queues.move(queue, "nowhere", viaExchange)), "amqp/link-refused");
      same("unroutable messages", await broker.unroutable(), before);
      // The queue exists and its key has no binding: the copy goes astray, the original must not.
      const astray = await queues.move(queue, unbound, viaExchange);
      same("the stop", [astray.stopped?.code, astray.fates.done], ["amqp/link-refused", 0]);
      same("copies astray", (await broker.unroutable()) - before, 1);
      same("the originals", await ids(queues, queue), names(10));
      same("by the exchange, bound", (await queues.move(queue, await broker.makeQueue(), viaExchange)).fates.done, 10);
    },
  },
  {
    name: "D10: the target is deleted while a run lasts: what went after it stays",
    async run({ broker, connection }) {
      const queue = await broker.makeQueue();
      const target = await broker.makeQueue();
      await put(connection, queue, 2_000);
      let batches = 0;
      const queues = openQueues(connection, {
        audit: async ({ phase }) => {
          if (phase === "batch" && ++batches === 4) await broker.removeQueue(target);
        },
      });
      const report = await queues.move(queue, target, { dryRun: false });
      same("the stop", report.stopped?.code, "amqp/link-refused");
      holds("the run to stop after the batch that was confirmed", batches === 4 && report.fates.done < 2_000);
      await until("the originals to be back", async () => (await broker.ready(queue)) === 2_000 - report.fates.done);
    },
  },
  {
    name: "D10: the target is full: what it refuses stays",
    async run({ broker, connection, queues }) {
      const queue = await broker.makeQueue();
      const target = await broker.makeQueue({ holds: 5 });
      await put(connection, queue, 100);
      const report = await queues.move(queue, target, { dryRun: false });
      // RabbitMQ 3.10 ends the connection on a message that a full queue refuses; others say "rejected".
      holds("the run to stop", ["amqp/rejected", "amqp/connection"].includes(report.stopped?.code ?? ""));
      await until("the connection to be back", () => Promise.resolve(connection.state === "open"));
      const [left, arrived] = [await ids(queues, queue), await ids(queues, target)];
      same("every message somewhere", new Set([...left, ...arrived]).size, 100);
      holds("the copies to have stayed within the target's limit, and the rest in place", left.length >= 95);
      console.log(`        ${arrived.length} copies, ${left.length} originals`);
    },
  },
  {
    name: "D11: a poison dead letter moves once, and its broker's dead-lettering is left to tell the story anew",
    async run({ broker, connection, queues }) {
      const dead = await broker.makeQueue();
      const queue = await broker.makeQueue({ deadLetters: dead });
      await put(connection, queue, 5);
      const killing = connection.receive(queue, () => Promise.resolve("reject"));
      const died = (): Promise<void> => until("five dead letters", async () => (await broker.ready(dead)) === 5);
      await died();
      same(
        "the origins",
        (await all(queues.list(dead))).map((e) => e.diedAt),
        names(5).map(() => queue),
      );
      same("the first time", (await queues.republish(dead, { dryRun: false })).fates.done, 5);
      await died();
      const second = await queues.republish(dead, { dryRun: false });
      same("the second time", [second.fates.done, second.fates.returned], [0, 5]);
      same("asked again", (await queues.republish(dead, { dryRun: false, again: true })).fates.done, 5);
      await died();
      await killing.stop();
    },
  },
  {
    name: "D11: null headers and foreign types of AMQP 0.9.1 crash nothing",
    async run({ broker, queues }) {
      const queue = await broker.makeQueue();
      const target = await broker.makeQueue();
      const tables = [
        "[]",
        `[{<<"nul">>, void, undefined}]`,
        `[{<<"x-death">>, array, [{table, [{<<"queue">>, longstr, <<"q">>}, {<<"reason">>, longstr, <<"rejected">>}, {<<"count">>, long, 1}, {<<"time">>, timestamp, 1600000000}]}]}]`,
        `[{<<"b">>, bool, true}, {<<"t">>, table, [{<<"k">>, longstr, <<"v">>}]}, {<<"d">>, double, 1.5}, {<<"bin">>, binary, <<1, 2>>}]`,
        `[{<<"x-amqp-1.0-app-properties">>, longstr, <<0, 16#53, 16#74, 16#c1, 6, 4, 16#40, 16#40, 16#54, 1, 16#40>>}]`,
      ];
      for (const table of tables) await broker.publishOld(queue, table);
      same(
        "the entries",
        (await all(queues.list(queue))).map((e) => e.readable),
        tables.map(() => true),
      );
      same("moved", (await queues.move(queue, target, { dryRun: false })).fates.done, tables.length);
      same(
        "arrived",
        (await all(queues.list(target))).map((e) => [e.messageId, e.movedTimes]),
        tables.map(() => ["old", 1]),
      );
    },
  },
  {
    name: "D11: what arrives while a run lasts is not taken by it",
    async run({ broker, connection, queues }) {
      const queue = await broker.makeQueue();
      const target = await broker.makeQueue();
      await put(connection, queue, 300);
      let late = 0;
      const sends: Promise<void>[] = [];
      const report = await queues.move(queue, target, {
        dryRun: false,
        onProgress: () => sends.push(put(connection, queue, 5, 1_000 + 5 * late++)),
      });
      await Promise.all(sends);
      same("moved", [report.snapshot, report.fates.done], [300, 300]);
      same("the target", await ids(queues, target), names(300));
      same("the queue", await broker.ready(queue), 5 * late);
      holds("messages to have come late", late > 1);
    },
  },
  {
    name: "D11: killed between copy and removal, nothing is lost, and what is there twice has the same id",
    async run({ broker, connection, queues, url }) {
      const queue = await broker.makeQueue();
      const target = await broker.makeQueue();
      await put(connection, queue, 1_000);
      for (const batch of ["1", "3", "5"]) {
        const program = fileURLToPath(new URL("_queues-mover.ts", import.meta.url));
        const child = fork(program, [url, queue, target, batch], {
          execArgv: ["--conditions=helsekontakt-source", "--no-warnings"],
          stdio: ["ignore", "ignore", "inherit", "ipc"],
        });
        const [, signal] = (await once(child, "exit")) as [number | null, string | null];
        same("the child's end", signal, "SIGKILL");
        await until("the broker to give back", async () => {
          const seen = new Set([...(await ids(queues, queue)), ...(await ids(queues, target))]);
          return seen.size === 1_000;
        });
      }
      const copies = await ids(queues, target);
      const last = await queues.move(queue, target, { dryRun: false });
      holds("the rest to move", last.stopped === undefined && (await broker.ready(queue)) === 0);
      const found = await ids(queues, target);
      same("different ids", new Set(found).size, 1_000);
      console.log(`        ${copies.length} copies after three kills, ${found.length - 1_000} duplicates at the end`);
    },
  },
  {
    name: `D11: ${many} messages in constant memory: listed, moved, purged`,
    async run({ broker, connection, queues }) {
      const queue = await broker.makeQueue();
      const target = await broker.makeQueue();
      await timed("put", () => put(connection, queue, many, 0, 1_000));
      v8.setFlagsFromString("--expose-gc");
      const collect = vm.runInNewContext("gc") as () => void;
      const held = (): number => {
        collect();
        const { heapUsed, external } = process.memoryUsage();
        return heapUsed + external;
      };
      const watch = (): { readonly look: (p: { seen: number }) => void; growth(): number } => {
        const samples: number[] = [];
        let next = many / 10;
        return {
          look: ({ seen }) => {
            if (seen < next) return;
            next += many / 10;
            samples.push(held());
          },
          // The least of each half: what is under way comes and goes, what is kept stays.
          growth: () => (Math.min(...samples.slice(5)) - Math.min(...samples.slice(0, 5))) / megabyte,
        };
      };
      const check = (what: string, growth: number): void => {
        console.log(`        ${what}: ${growth.toFixed(1)} MB more kept in the second half than in the first`);
        holds(`${what} to keep at most 5 MB more in the second half`, growth < 5);
      };
      const listing = watch();
      let listed = 0;
      await timed("list", async () => {
        for await (const entry of queues.list(queue, { onProgress: listing.look })) listed += entry.readable ? 1 : 0;
      });
      same("listed", listed, many);
      check("list", listing.growth());
      const moving = watch();
      const moved = await timed("move", () => queues.move(queue, target, { dryRun: false, onProgress: moving.look }));
      same("moved", [moved.fates.done, moved.confirmed, moved.stopped], [many, true, undefined]);
      check("move", moving.growth());
      same("at the target", [await broker.ready(queue), await broker.ready(target)], [0, many]);
      const purging = watch();
      const purged = await timed("purge", () => queues.purge(target, { dryRun: false, onProgress: purging.look }));
      same("purged", [purged.fates.done, await broker.ready(target)], [many, 0]);
      check("purge", purging.growth());
    },
  },
];

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  console.log(`        ${what}: ${((performance.now() - start) / 1_000).toFixed(1)} s`);
  return result;
}

async function main(): Promise<number> {
  const broker = await prepareRabbitMq();
  const { host, port, username, password, namespace } = broker;
  const login = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
  const url = `amqp://${login}@${host}:${port}/${namespace}`;
  const wanted = cases.filter(({ name }) => name.includes(values.only));
  let failed = 0;
  try {
    for (const { name, run } of wanted) {
      const connection = await connectAmqp({ url });
      const start = performance.now();
      try {
        await run({ broker, connection, url, queues: openQueues(connection, { by: "conformance" }) });
        console.log(`ok      ${name} (${Math.round(performance.now() - start)} ms)`);
      } catch (error) {
        failed++;
        console.log(`FAILED  ${name}`);
        console.log(error);
      } finally {
        await connection.close({ drainMs: 1_000 });
      }
    }
  } finally {
    await broker.clean();
  }
  console.log(
    `RabbitMQ ${broker.version}: ${wanted.length - failed} of ${wanted.length} cases of queue administration hold`,
  );
  return failed === 0 && wanted.length > 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(`queues-admin could not run: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
});
