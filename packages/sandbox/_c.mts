import { contractCases } from "@helsekontakt/amqp-messaging/contract";
import * as B from "./src/amqp/broker.ts";
const broker = new (B as any).Broker({ username: "guest", password: "guest", namespace: "NS" });
const started = await (broker.start?.() ?? broker.listen?.());
const port = broker.port ?? started?.port ?? started;
let n = 0, bad = 0;
for (const { name, run } of contractCases) {
  try {
    await run({ settings: { host: "127.0.0.1", port, transport: "tcp", username: "guest", password: "guest", namespace: "NS" }, makeQueue: async () => { const q = `q${n++}`; (broker.declare ?? broker.declareQueue ?? broker.createQueue).call(broker, q); return q; } });
    console.log("ok", name);
  } catch (e) { bad++; console.log("FAILED", name, e); }
}
console.log("bad", bad); process.exit(0);
