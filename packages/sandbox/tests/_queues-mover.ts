import { connectAmqp, openQueues } from "@helsekontakt/amqp-messaging";

// Moves a queue, and is killed when the first copies are confirmed and their originals are about to be removed.
const connection = await connectAmqp({ url: process.argv[2] ?? "" });
const queues = openQueues(connection, {
  audit: ({ phase }) => {
    if (phase === "batch") process.kill(process.pid, "SIGKILL");
  },
});
await queues.move("1_dl", "2_async", { dryRun: false });
