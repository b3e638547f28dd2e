import { createServer, type Socket } from "node:net";
import { HelsekontaktError } from "@helsekontakt/core";
import { Pool } from "pg";
import { postgresStore } from "../src/postgres.ts";

// A process whose PostgreSQL ends a session in the very bytes that say it is ready: for the client, between two statements.
// It speaks only as much of the protocol as that takes. https://www.postgresql.org/docs/current/protocol-message-formats.html
const when = process.argv[2] as "connect" | "statement";

function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}
const text = (...parts: readonly string[]): Buffer => Buffer.from(parts.map((part) => `${part}\0`).join(""));
const authenticated = message("R", Buffer.alloc(4));
const ready = message("Z", Buffer.from("I"));
const done = Buffer.concat([message("C", text("SELECT 0")), ready]);
const ended = message("E", Buffer.concat([text("SFATAL", "C57P01", "Mended by an administrator"), Buffer.alloc(1)]));

let sessions = 0;
function serve(socket: Socket): void {
  const session = ++sessions;
  socket.on("error", () => {});
  socket.once("data", () => {
    socket.write(Buffer.concat(when === "connect" ? [authenticated, ready, ended] : [authenticated, ready]));
    if (when === "connect") return void socket.end();
    // The first statement is answered, and the session over with it.
    socket.once("data", () => socket.end(Buffer.concat(session === 1 ? [done, ended] : [ended])));
  });
}

const server = createServer(serve).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const { port } = server.address() as { port: number };
const pool = new Pool({ host: "127.0.0.1", port, user: "u", database: "d", max: 1 });
pool.on("error", () => {});
// The application's own statement holds the one client; the journal's call is handed it the moment that is over.
const opened = when === "statement" ? [pool.query("select"), open()] : [open()];
async function open(): Promise<unknown> {
  return postgresStore({ pool }).open({});
}
for (const result of await Promise.allSettled(opened))
  process.stdout.write(`${result.status === "fulfilled" ? "fulfilled" : HelsekontaktError.from(result.reason).code}\n`);
await pool.end();
server.close();
