import type { Session } from "rhea";

/** Bytes that one session hands to the socket before the event loop goes on: a millisecond of copying. */
const turnBytes = 1024 * 1024;
/** Bytes that may wait in the socket before more are encoded. */
const waitingBytes = 4 * 1024 * 1024;

const guards = new WeakMap<object, () => boolean>();

/**
 * @internal Has `mayBeWritten` asked before each portion of a delivery, in the turn in which it is written. At false nothing
 * more is written on its session, neither of it nor behind it: whoever answered so ends the session, with which the peer
 * throws away what it has of the message. Undefined takes the question back.
 */
export function guardDelivery(delivery: object, mayBeWritten: (() => boolean) | undefined): void {
  if (mayBeWritten === undefined) guards.delete(delivery);
  else guards.set(delivery, mayBeWritten);
}

interface PacedSession {
  readonly connection: {
    readonly socket?: NodeJS.WritableStream & { readonly writableLength: number };
    _register(): void;
  };
  readonly outgoing: {
    readonly next_pending_delivery: number;
    readonly deliveries: {
      by_id(id: number): { readonly data: readonly { readonly length: number }[]; next_to_send: number } | undefined;
    };
    compute_max_payload(tag: Buffer): number | undefined;
    transfer_window(): number;
  };
  is_open(): boolean;
  output(frame: unknown, payload?: { readonly length: number }): void;
}

/**
 * @internal Lets a session write large messages in portions. rhea encodes and writes all frames of a message at once: the
 * event loop would stand still meanwhile, and the message be in memory once more. A window of its own, beside the peer's,
 * is asked by rhea before each message, and remembers where it stopped.
 *
 * @param largest - bytes of one frame, for a peer that sets no limit or a larger one.
 */
export function paceTransfers(session: Session, largest: number): void {
  const paced = session as unknown as PacedSession;
  const { connection, outgoing } = paced;
  let written = 0;
  let turn = false;
  let held = false;
  let full = false;

  const goOn = (): void => {
    if (!held) return;
    held = false;
    connection._register();
  };
  const drained = (): void => {
    full = false;
    goOn();
  };
  const nextTurn = (): void => {
    turn = false;
    written = 0;
    // One listener, however often the peer makes rhea ask meanwhile.
    if (full) return;
    const { socket } = connection;
    full = held && socket !== undefined && socket.writableLength >= waitingBytes;
    if (full) socket?.once("drain", drained);
    else goOn();
  };
  const watchTurn = (): void => {
    if (turn) return;
    turn = true;
    setImmediate(nextTurn);
  };

  const output = paced.output.bind(session);
  paced.output = (frame, payload) => {
    if (payload !== undefined) {
      written += payload.length;
      watchTurn();
    }
    output(frame, payload);
  };
  const largestPayload = outgoing.compute_max_payload.bind(outgoing);
  outgoing.compute_max_payload = (tag) => Math.min(largestPayload(tag) ?? largest, largest);
  const window = outgoing.transfer_window.bind(outgoing);
  outgoing.transfer_window = () => {
    // Of a session that has ended, what is left of a message is nobody's: it may not follow the end.
    if (!paced.is_open()) return 0;
    const delivery = outgoing.deliveries.by_id(outgoing.next_pending_delivery);
    if (delivery !== undefined && guards.get(delivery)?.() === false) return 0;
    const left = delivery === undefined ? 0 : delivery.data.length - delivery.next_to_send;
    const frame = Math.max(1, delivery?.data[delivery.next_to_send]?.length ?? largest);
    const waits = (connection.socket?.writableLength ?? 0) >= waitingBytes;
    const here = waits ? 0 : Math.max(0, Math.ceil((turnBytes - written) / frame));
    const there = window();
    // Where it is the peer's window that is smaller, rhea goes on by itself when the peer opens it.
    if (here < Math.min(left, there)) {
      held = true;
      watchTurn();
    }
    return Math.min(there, here);
  };
}
