import { randomBytes } from "node:crypto";
import { setImmediate as breathe } from "node:timers/promises";
import { createIdentity, protect, unprotect } from "@helsekontakt/amqp-messaging/protection";

// One large message, out or in, in a process of its own: what it adds to the most memory that the process has had, and
// the longest time that the event loop's thread worked without a turn of the loop. Its processor's time, not the clock's:
// what other processes take of the machine is not the loop's doing.

const [way = "out", megabytes = "20"] = process.argv.slice(2);
const size = Number(megabytes) * 1024 * 1024;
const dates = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };
const signer = await createIdentity({ subject: { commonName: "Signer" }, usage: ["nonRepudiation"], ...dates });
const receiver = await createIdentity({ subject: { commonName: "Receiver" }, usage: ["keyEncipherment"], ...dates });
const send = (content: Buffer) => protect(content, { signer, recipients: receiver.certificate });
const take = (message: Buffer) => unprotect(message, { keys: [receiver], expectedSigner: signer.certificate });
await take(await send(randomBytes(100_000)));

const given = way === "out" ? randomBytes(size) : await send(randomBytes(size));
const collect = globalThis.gc as (() => void) | undefined;
collect?.();
await breathe();
collect?.();
const before = process.memoryUsage().rss;
const done = new AbortController();
let longest = 0;
let last = cpu();
let most = before;
const turning = (async () => {
  while (!done.signal.aborted) {
    await breathe();
    const now = cpu();
    longest = Math.max(longest, now - last);
    last = now;
    most = Math.max(most, process.memoryUsage.rss());
  }
})();
await (way === "out" ? send(given) : take(given));
done.abort();
await turning;
process.send?.({ longestMs: longest / 1000, extra: (most - before) / size });
process.disconnect();

/** Microseconds of this thread. */
function cpu(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
