import { createServer } from "node:http";

// A member service at its stated limits, in scaled time: 10 s in 99 % for 700 members, no answer after 15 s. What a call
// takes: (1 s + 8.5 ms per member), times a lognormal factor whose 99th percentile is 1.44; three calls in a thousand are
// never answered.
const scale = Number(process.argv[2] ?? "100");
const limitMs = 15_000 / scale;
let state = 42;

/** mulberry32: the same numbers in every run. */
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}

function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const counts = { calls: 0, members: 0, unanswered: 0, largest: 0, repeatedTooOften: 0 };
/** Lists that got no answer in time, and how often. */
const unanswered = new Map<string, number>();

const server = createServer((request, response) => {
  if (request.url === "/counts") {
    response.end(JSON.stringify(counts));
    return;
  }
  const arrived = performance.now();
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const text = Buffer.concat(chunks).toString("latin1");
    const numbers = [...text.matchAll(/"value":"(\d{11})"/g)].map((m) => m[1] ?? "");
    const urls = [...text.matchAll(/"fullUrl":"([^"]+)"/g)].map((m) => m[1] ?? "");
    const n = numbers.length;
    counts.calls++;
    counts.members += n;
    counts.largest = Math.max(counts.largest, n);
    const key = `${numbers[0]}/${numbers.at(-1)}/${n}`;
    if ((unanswered.get(key) ?? 0) >= 2) counts.repeatedTooOften++;
    const ms = random() < 0.003 ? Number.POSITIVE_INFINITY : ((1_000 + 8.5 * n) * Math.exp(0.157 * normal())) / scale;
    if (ms > limitMs) {
      counts.unanswered++;
      unanswered.set(key, (unanswered.get(key) ?? 0) + 1);
      // The caller gives up; the socket is closed with it.
      return;
    }
    unanswered.delete(key);
    const entry = urls.map((fullUrl) => `{"fullUrl":"${fullUrl}","response":{"status":"201"}}`).join(",");
    const body = `{"resourceType":"Bundle","type":"batch-response","entry":[${entry}]}`;
    setTimeout(
      () => {
        response.setHeader("content-type", "application/fhir+json");
        response.end(body);
      },
      Math.max(0, ms - (performance.now() - arrived)),
    );
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : undefined);
});
process.on("disconnect", () => process.exit(0));
