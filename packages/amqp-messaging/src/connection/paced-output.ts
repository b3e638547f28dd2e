import type { Session } from "rhea";

/** Bytes that one session hands to the socket before the event loop goes on: a millisecond of copying. */
const turnBytes = 1024 * 1024;
/** Bytes that may wait in the socket before more are encoded. */
const waitingBytes = 4 * 1024 * 1024;

interface PacedSession {
  readonly connection: {
    readonly socket?: NodeJS.WritableStream & { readonly writableLength: number };
    _register(): void;
  };
  readonly outgoing: {
    readonly next_pending_delivery: number;
    readonly deliveries: { by_id(id: number): { readonly data: readonly unknown[]; next_to_send: number } | undefined };
    compute_max_payload(tag: Buffer): number | undefined;
    transfer_window(): number;
  };
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

  const goOn = (): void => {
    if (!held) return;
    held = false;
    connection._register();
  };
  const nextTurn = (): void => {
    turn = false;
    written = 0;
    const { socket } = connection;
    if (held && socket !== undefined && socket.writableLength >= waitingBytes) socket.once("drain", goOn);
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
    const delivery = outgoing.deliveries.by_id(outgoing.next_pending_delivery);
    const left = delivery === undefined ? 0 : delivery.data.length - delivery.next_to_send;
    const full = (connection.socket?.writableLength ?? 0) >= waitingBytes;
    const here = full ? 0 : Math.ceil((turnBytes - written) / largest);
    if (here < left) {
      held = true;
      watchTurn();
    }
    return Math.min(window(), Math.max(0, here));
  };
}
