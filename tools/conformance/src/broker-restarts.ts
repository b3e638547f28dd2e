/**
 * A RabbitMQ of the run's own is restarted twenty times under load (within its process, by SIGTERM, by SIGKILL), and then
 * frozen by SIGSTOP. Exit 0: nothing lost, every link back, no link too many, the freeze noticed. Exit 1: not so.
 * Exit 2: the run could not take place.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AmqpConnection, connectAmqp, type StateEvent } from "@helsekontakt/amqp-messaging";
import { OwnRabbit } from "./chaos/broker.ts";

const queues = ["a_async", "b_async", "c_async"];
const restarts = 20;
const atOnce = 3;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

async function until(what: string, condition: () => boolean, limitMs = 60_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`expected ${what} within ${limitMs} ms`);
    await sleep(20);
  }
}

/** What a connection and its links have said of themselves. */
class Watched {
  readonly attached = new Map<string, number>();
  lost = 0;
  /** When all links were back after the last loss. */
  backAt = 0;
  #open = new Set<string>();
  #wasOpen = false;
  readonly #links: number;

  constructor(links: number) {
    this.#links = links;
  }

  get isWhole(): boolean {
    return this.#open.size === this.#links;
  }

  readonly hear = (event: StateEvent): void => {
    if (event.kind === "connection") {
      if (event.state === "reconnecting" && this.#wasOpen) {
        this.lost++;
        this.#open.clear();
      }
      this.#wasOpen = event.state === "open";
    }
    if (event.kind !== "link") return;
    const link = `${event.role} ${event.queue}`;
    if (event.state === "detached") return void this.#open.delete(link);
    this.#open.add(link);
    this.attached.set(link, (this.attached.get(link) ?? 0) + 1);
    if (this.isWhole) this.backAt = Date.now();
  };
}

class Load {
  readonly accepted = new Set<string>();
  readonly seen = new Set<unknown>();
  copies = 0;
  readonly #stop = new AbortController();
  readonly #workers: Promise<void>[];

  constructor(sender: AmqpConnection, receiver: AmqpConnection) {
    for (const queue of queues)
      receiver.receive(queue, ({ message }) => {
        this.copies++;
        this.seen.add(message.messageId);
        return Promise.resolve("accept");
      });
    this.#workers = queues.flatMap((queue) =>
      Array.from({ length: atOnce }, (_, worker) => this.#work(sender, queue, worker)),
    );
  }

  async #work(sender: AmqpConnection, queue: string, worker: number): Promise<void> {
    for (let n = 0; !this.#stop.signal.aborted; n++) {
      const messageId = `${queue}-${worker}-${n}`;
      const message = { messageId, to: queue, subject: "S", applicationProperties: {}, body: Buffer.alloc(2_000) };
      await sender.send(queue, message, { timeoutMs: 600_000 });
      this.accepted.add(messageId);
      // Enough to have messages under way at each loss; more would only load the machine.
      await sleep(25);
    }
  }

  /** Every promise of a send has been kept; resolves when the receivers have had what was accepted. */
  async end(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#workers);
    await until("the receivers to have every accepted message", () =>
      [...this.accepted].every((id) => this.seen.has(id)),
    );
  }
}

async function restartMany(broker: OwnRabbit, url: string): Promise<void> {
  const out = new Watched(queues.length);
  const inward = new Watched(queues.length);
  const sender = await connectAmqp({ url, onState: out.hear });
  const receiver = await connectAmqp({ url, onState: inward.hear });
  const load = new Load(sender, receiver);
  await until("all links", () => out.isWhole && inward.isWhole);
  const backAfter: number[] = [];
  for (let n = 0; n < restarts; n++) {
    const [lostOut, lostIn, before] = [out.lost, inward.lost, load.accepted.size];
    const how = n % 10 === 4 ? "kill" : n % 10 === 9 ? "restart" : "restartApp";
    const up = await broker[how]();
    await until("both connections to have noticed", () => out.lost > lostOut && inward.lost > lostIn);
    await until("every link to be back", () => out.isWhole && inward.isWhole);
    backAfter.push(Math.max(0, Math.max(out.backAt, inward.backAt) - up));
    await until("messages to be accepted again", () => load.accepted.size > before + 50);
  }
  await load.end();
  const counts = await broker.counts();
  const links = await broker.links();
  assert.deepEqual(
    queues.map((q) => counts.get(q)),
    queues.map(() => 0),
  );
  assert.deepEqual(links, { sessions: 2 * queues.length, consumers: queues.length }, "no link too many at the broker");
  const sockets = process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
  assert.equal(sockets, 2, "no connection too many here");
  for (const watched of [out, inward])
    for (const [link, times] of watched.attached)
      assert.ok(times <= watched.lost + 1, `expected ${link} once a connection, found ${times} in ${watched.lost + 1}`);
  const sorted = backAfter.toSorted((x, y) => x - y);
  console.log(
    `        ${load.accepted.size} accepted, ${load.copies - load.seen.size} came twice, links back after the broker: ` +
      `median ${sorted[sorted.length / 2]} ms, longest ${sorted.at(-1)} ms`,
  );
  await Promise.all([sender.close(), receiver.close()]);
}

async function freeze(broker: OwnRabbit, url: string): Promise<void> {
  const idleTimeoutMs = 2_000;
  const watched = new Watched(1);
  const connection = await connectAmqp({ url, idleTimeoutMs, attemptTimeoutMs: 2_000, onState: watched.hear });
  await connection.send("a_async", {
    messageId: "before",
    to: "a",
    subject: "S",
    applicationProperties: {},
    body: Buffer.alloc(10),
  });
  const began = Date.now();
  let noticed = 0;
  connection.onState((e) => {
    if (e.kind === "connection" && e.state === "reconnecting" && noticed === 0) noticed = Date.now() - began;
  });
  await broker.freeze(12_000);
  assert.ok(noticed > 0 && noticed <= 2 * idleTimeoutMs + 2_000, `expected the freeze to be noticed, found ${noticed}`);
  await until("the connection to be made anew", () => connection.state === "open");
  await connection.send("a_async", {
    messageId: "after",
    to: "a",
    subject: "S",
    applicationProperties: {},
    body: Buffer.alloc(10),
  });
  console.log(`        noticed ${noticed} ms after the freeze began, with an idle time-out of ${idleTimeoutMs} ms`);
  await connection.close();
}

const cases: readonly [string, (broker: OwnRabbit, url: string) => Promise<void>][] = [
  [`O6: ${restarts} restarts of the broker under load: no message lost, every link back, none left over`, restartMany],
  ["O5: a broker stopped by SIGSTOP is noticed within twice the idle time-out, and reconnected", freeze],
];

const dir = mkdtempSync(join(tmpdir(), "helsekontakt-restarts-"));
let failed = 0;
try {
  const broker = await OwnRabbit.start(join(dir, "broker"));
  try {
    await broker.declare(queues, []);
    const url = `amqp://guest:guest@127.0.0.1:${broker.port}/${broker.namespace}`;
    for (const [name, run] of cases) {
      const start = performance.now();
      try {
        await run(broker, url);
        console.log(`ok      ${name} (${Math.round(performance.now() - start)} ms)`);
      } catch (error) {
        failed++;
        console.log(`FAILED  ${name}`);
        console.log(error);
      }
    }
  } finally {
    await broker.end();
  }
  process.exitCode = failed === 0 ? 0 : 1;
} catch (error) {
  console.error(`broker-restarts could not run: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
// A case that failed may have left its connections.
process.exit();
