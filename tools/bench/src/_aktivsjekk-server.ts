import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

// AktivSjekken in a process of its own: every call is answered after 50 ms, each number with one of four statuses. It
// does as little as it can, since it shares the machine with what is measured.
const latencyMs = 50;
const statuses = [
  [true, false, false],
  [false, true, false],
  [false, true, true],
  [false, false, false],
].map(
  ([self, others, assigned]) =>
    `:{"erDigitaltAktivSelv":${self},"erDigitaltAktivViaAndre":${others},"tildeltFullmakt":${assigned}}`,
);
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString("latin1");
    setTimeout(() => {
      const numbers = body.slice(body.indexOf("[") + 1, body.indexOf("]")).split(",");
      let answer = '{"erAktivListe":{';
      for (const [n, number] of numbers.entries())
        answer += (n === 0 ? "" : ",") + number + statuses[number.charCodeAt(11) & 3];
      answer += "}}";
      response.writeHead(200, { "content-type": "application/json", "content-length": answer.length });
      response.end(answer, "latin1");
    }, latencyMs);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
