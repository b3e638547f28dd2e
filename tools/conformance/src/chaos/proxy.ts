import { once } from "node:events";
import net from "node:net";
import type { Direction } from "./faults.ts";
import { FrameSplitter, performativeOf, performatives, release } from "./frames.ts";

// A TCP proxy between one process and the broker. It passes whole frames, so that a fault strikes where it is meant to.

/** What the proxy does with the frames to come. */
interface Plan {
  cut?: { readonly way: Direction; frames: number; readonly how: "whole" | "mid" | "half" };
  /** Told at the first frame of this kind; the frame itself passes or not. */
  watch?: { readonly way: Direction; readonly code: number; readonly pass: boolean; strike(): void };
}

/** One direction of a connection; frames keep their order, whatever each is held for. */
class Line {
  readonly #to: net.Socket;
  readonly #held: { readonly due: number; readonly bytes: Buffer }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #ending = false;

  constructor(to: net.Socket) {
    this.#to = to;
  }

  write(bytes: Buffer, holdMs = 0): void {
    if (holdMs === 0 && this.#held.length === 0) {
      if (!this.#to.destroyed) this.#to.write(bytes);
      return;
    }
    this.#held.push({ due: Date.now() + holdMs, bytes });
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#flush(), holdMs);
  }

  #flush(): void {
    this.#timer = undefined;
    while ((this.#held[0]?.due ?? Infinity) <= Date.now()) {
      const next = this.#held.shift();
      if (next !== undefined && !this.#to.destroyed) this.#to.write(next.bytes);
    }
    const next = this.#held[0];
    if (next !== undefined) this.#timer = setTimeout(() => this.#flush(), Math.max(1, next.due - Date.now()));
    else if (this.#ending) this.#to.end();
  }

  /** Closes the direction behind what it still holds. */
  end(): void {
    this.#ending = true;
    if (this.#held.length === 0) this.#to.end();
  }
}

/** Between one client and the broker. */
export class FaultProxy {
  readonly #server: net.Server;
  readonly #pairs = new Set<readonly [client: net.Socket, broker: net.Socket]>();
  readonly #target: { readonly host: string; readonly port: number };
  /** Draws from 0 to 1: how often an accepted delivery is given back to the broker. */
  readonly #redeliver: () => boolean;
  #plan: Plan = {};
  #frozen = false;
  #muted = false;
  #refusing = false;
  #delay = 0;
  /** Deliveries whose `accepted` reached the broker as `released`. */
  released = 0;

  constructor(target: { readonly host: string; readonly port: number }, redeliver: () => boolean) {
    this.#target = target;
    this.#redeliver = redeliver;
    this.#server = net.createServer((client) => this.#open(client));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as net.AddressInfo).port;
  }

  #open(client: net.Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const broker = net.connect(this.#target);
    const pair = [client, broker] as const;
    this.#pairs.add(pair);
    const ways = [
      ["out", client, broker],
      ["in", broker, client],
    ] as const;
    for (const [way, from, to] of ways) {
      const splitter = new FrameSplitter();
      const line = new Line(to);
      let open = true;
      from.setNoDelay(true);
      from.on("data", (bytes) => {
        // What comes behind a cut must not pass: it would be taken for the rest of the frame that was cut.
        for (const frame of splitter.push(bytes)) if (open) open = this.#pass(way, frame, line, pair);
        if (!to.destroyed && to.writableNeedDrain) {
          from.pause();
          to.once("drain", () => this.#frozen || from.resume());
        }
      });
      from.on("end", () => line.end());
      from.on("error", () => {});
      from.on("close", () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      if (this.#frozen) from.pause();
    }
  }

  /** False when nothing may follow in this direction. */
  #pass(way: Direction, frame: Buffer, to: Line, pair: readonly [net.Socket, net.Socket]): boolean {
    const code = performativeOf(frame);
    const { cut, watch } = this.#plan;
    if (watch?.way === way && watch.code === code) {
      delete this.#plan.watch;
      if (watch.pass) to.write(frame);
      watch.strike();
      return true;
    }
    if (cut?.way === way && code !== undefined && cut.frames-- <= 0) {
      delete this.#plan.cut;
      if (cut.how === "half") {
        to.write(frame);
        to.end();
        return false;
      }
      to.write(cut.how === "mid" ? frame.subarray(0, Math.ceil(frame.length / 2)) : frame);
      // What was written before must be on its way when the reset follows.
      setImmediate(() => pair.forEach((socket) => void socket.resetAndDestroy()));
      return false;
    }
    if (way === "in" && this.#muted) return true;
    const changed =
      way === "out" && code === performatives.disposition && this.#redeliver() ? release(frame) : undefined;
    if (changed !== undefined) this.released++;
    to.write(changed ?? frame, this.#delay);
    return true;
  }

  /** Cuts at a frame's end (`whole`), in its middle (`mid`), or closes one direction only (`half`). */
  cutAfter(way: Direction, frames: number, how: "whole" | "mid" | "half"): void {
    this.#plan.cut = { way, frames, how };
  }

  /** Strikes at the next frame with this performative. */
  watch(way: Direction, name: keyof typeof performatives, pass: boolean, strike: () => void): void {
    this.#plan.watch = { way, code: performatives[name], pass, strike };
  }

  /** Takes back what has been planned and has not happened. */
  forget(): void {
    this.#plan = {};
  }

  get planned(): boolean {
    return this.#plan.cut !== undefined || this.#plan.watch !== undefined;
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen;
    for (const pair of this.#pairs)
      for (const socket of pair) {
        if (frozen) socket.pause();
        else socket.resume();
      }
  }

  /** Ends every connection, and each new one at once. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing;
    if (refusing) this.cut();
  }

  mute(muted: boolean): void {
    this.#muted = muted;
  }

  /** Each frame is held for so many milliseconds. */
  delay(ms: number): void {
    this.#delay = ms;
  }

  close(): void {
    this.#server.close();
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }
}
