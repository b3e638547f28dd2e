import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { HelsekontaktError } from "@helsekontakt/core";

/** A request, its body read. */
export interface SandboxRequest {
  readonly method: string;
  /** Absolute URL as the client sees it. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** An answer. */
export interface SandboxResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string or bytes are sent as they are, an async iterable of bytes piece by piece, anything else as JSON. */
  readonly body?: unknown;
  /** Closes the connection without an answer. */
  readonly drop?: boolean;
  /** Closes the connection in the middle of the body. */
  readonly cut?: boolean;
}

/** Answers one request. */
export type RequestHandler = (request: SandboxRequest) => Promise<SandboxResponse> | SandboxResponse;

/** A started server. */
export interface HttpEndpoint {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly origin: string;
  close(): Promise<void>;
}

const maxBodyBytes = 50 * 1024 * 1024;

/** Starts one HTTP server on the loopback address. A handler that throws answers 500 without details. */
export async function startHttp(handler: RequestHandler, port = 0): Promise<HttpEndpoint> {
  const sockets = new Set<Socket>();
  let origin = "";
  const server: Server = createServer((request, response) => {
    void answer(handler, request, response, origin);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new HelsekontaktError("config/invalid", `expected port ${port} to be free on the loopback address`, {
          original: error,
          hint: "choose another port, or 0 for any free one",
        }),
      ),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function answer(
  handler: RequestHandler,
  request: IncomingMessage,
  response: ServerResponse,
  origin: string,
): Promise<void> {
  let result: SandboxResponse;
  try {
    result = await handler({
      method: request.method ?? "GET",
      url: new URL(request.url ?? "/", origin),
      headers: flatten(request.headers),
      body: await readBody(request),
    });
  } catch {
    result = { status: 500, body: { Code: "EHAPI-100000", Message: "Teknisk feil", ErrorCategory: 0 } };
  }
  if (response.destroyed) return;
  if (result.drop === true) return void request.socket.destroy();
  const { body } = result;
  if (isPieces(body)) {
    response.writeHead(result.status, result.headers);
    return sendPieces(body, response);
  }
  const raw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
  const payload = raw ? (body ?? "") : JSON.stringify(body);
  if (result.cut === true)
    return cutOff(response, result, typeof payload === "string" ? Buffer.from(payload) : payload);
  response.writeHead(result.status, { ...(raw ? {} : { "content-type": "application/json" }), ...result.headers });
  response.end(payload);
}

/** Promises the whole body, sends half of it. */
function cutOff(response: ServerResponse, result: SandboxResponse, payload: Buffer): void {
  response.writeHead(result.status, { ...result.headers, "content-length": String(payload.length + 1) });
  response.write(payload.subarray(0, payload.length / 2), () => response.destroy());
}

function isPieces(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** A client that has gone ends it: nothing waits for a reader that is not there. */
async function sendPieces(pieces: AsyncIterable<Uint8Array>, response: ServerResponse): Promise<void> {
  const gone = new Promise<false>((resolve) => response.once("close", () => resolve(false)));
  const iterator = pieces[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), gone]);
    if (next === false || next.done === true || response.destroyed) break;
    if (!response.write(next.value))
      await Promise.race([new Promise((resolve) => response.once("drain", resolve)), gone]);
  }
  void iterator.return?.();
  response.end();
}

function flatten(headers: IncomingMessage["headers"]): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > maxBodyBytes)
      throw new HelsekontaktError("input/too-large", `expected at most ${maxBodyBytes} bytes in a request`);
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}
