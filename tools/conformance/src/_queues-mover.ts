import { connectAmqp, openQueues } from "@helsekontakt/amqp-messaging";

// A process that moves a queue and is killed when the n-th batch of copies is confirmed, before its originals are removed.
const [url = "", from = "", to = "", batch = "1"] = process.argv.slice(2);
const connection = await connectAmqp({ url });
let left = Number(batch);
const queues = openQueues(connection, {
  audit: ({ phase }) => {
    if (phase === "batch" && --left === 0) process.kill(process.pid, "SIGKILL");
  },
});
await queues.move(from, to, { dryRun: false });
