/**
 * A receiver in a process of its own: handles messages slowly, tells of each, and on SIGTERM stops as an application
 * would. Port, queue and exchange are its arguments.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { connectAmqp } from "../src/index.ts";

const [port = "", queue = "", namespace = ""] = process.argv.slice(2);
const connection = await connectAmqp({
  host: "127.0.0.1",
  port: Number(port),
  transport: "tcp",
  username: "guest",
  password: "guest",
  namespace,
});
const tell = (what: string, id: unknown): boolean => process.stdout.write(`${what} ${String(id)}\n`);
connection.receive(
  queue,
  async ({ message: { messageId } }) => {
    tell("begun", messageId);
    await sleep(40);
    tell("done", messageId);
    return "accept";
  },
  { concurrency: 4, readAhead: 12 },
);
process.once("SIGTERM", () => void connection.close({ drainMs: 10_000 }));
