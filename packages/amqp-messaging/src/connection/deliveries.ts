import rhea, { type Session } from "rhea";

/** What rhea keeps of a delivery that is not settled. */
interface Kept {
  readonly id: number;
}

/** Beyond this many, a sweep looks past the first that is not settled. */
const sweepFrom = 64;

/**
 * The unsettled deliveries of one direction of a session, in place of rhea's ring. The ring frees a place only at its
 * head: one message whose handler takes long, or that waits for its next try, would stop the session after 2,047 more.
 */
class UnsettledDeliveries {
  readonly capacity: number;
  readonly #byId = new Map<number, Kept>();
  #last = -1;
  #sweepAt = sweepFrom;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#byId.size;
  }

  available(): number {
    return this.capacity - this.#byId.size;
  }

  push(delivery: Kept): void {
    if (this.available() <= 0) throw new RangeError(`expected at most ${this.capacity} unsettled deliveries`);
    this.#last = delivery.id;
    this.#byId.set(delivery.id, delivery);
  }

  /** Takes out what is done: from the oldest to the first that is not, and now and then from behind it. */
  pop_if(done: (delivery: Kept) => boolean): number {
    const before = this.#byId.size;
    const sweep = before >= this.#sweepAt;
    for (const delivery of this.#byId.values()) {
      if (done(delivery)) this.#byId.delete(delivery.id);
      else if (!sweep) break;
    }
    if (sweep) this.#sweepAt = Math.max(sweepFrom, Math.min(this.#byId.size * 2, this.capacity));
    return before - this.#byId.size;
  }

  by_id(id: number): Kept | undefined {
    return this.#byId.get(id);
  }

  /** The part of a range of ids in which unsettled ones can lie. */
  clamp(first: number, last: number): [number, number] {
    const [oldest = Infinity] = this.#byId.keys();
    return [Math.max(first, oldest), Math.min(last, this.#last)];
  }
}

interface Incoming {
  deliveries: UnsettledDeliveries;
  updated: { readonly state?: unknown }[];
  process(session: Session): void;
}

interface Disposition {
  readonly performative: { role: boolean; first: number; last?: number | null };
}

/** Decoded by us, not by rhea: see {@link prepareSession}. */
const rawFormat = 0x48_4b_00_01;

/**
 * @internal Four changes to a new session of rhea:
 *
 * - only outcomes that are alike share a disposition. rhea joins the first two of a turn without looking: a message
 *   released or rejected right after another one was accepted would be accepted too, and so be lost;
 * - unsettled deliveries may be settled in any order without holding up others;
 * - a disposition for a range of ids costs what is unsettled, not what the peer claims;
 * - messages are left as bytes. rhea decodes them inside its socket reader, where a malformed one ends the connection,
 *   and the broker hands the same message out again for ever. It leaves messages of a foreign format alone, so every
 *   transfer is marked so.
 */
export function prepareSession(session: Session): void {
  const inner = session as unknown as {
    outgoing: { deliveries: UnsettledDeliveries };
    incoming: Incoming;
    on_transfer(frame: { performative: { message_format: number }; payload?: Buffer }): void;
    on_disposition(frame: Disposition): void;
  };
  for (const side of [inner.outgoing, inner.incoming])
    side.deliveries = new UnsettledDeliveries(side.deliveries.capacity);
  writeOutcomesApart(inner.incoming);
  const onTransfer = inner.on_transfer.bind(session);
  inner.on_transfer = (frame) => {
    frame.performative.message_format = rawFormat;
    // A message of no bytes would make rhea throw in its socket reader.
    frame.payload ??= Buffer.alloc(0);
    onTransfer(frame);
  };
  const onDisposition = inner.on_disposition.bind(session);
  inner.on_disposition = (frame) => {
    const { performative } = frame;
    const side = performative.role ? inner.outgoing : inner.incoming;
    const [first, last] = side.deliveries.clamp(performative.first, performative.last ?? performative.first);
    if (first > last) return;
    performative.first = first;
    performative.last = last;
    onDisposition(frame);
  };
}

/** Hands rhea's writer one group of like outcomes at a time. */
function writeOutcomesApart(incoming: Incoming): void {
  const process = incoming.process.bind(incoming);
  incoming.process = (session) => {
    const { updated } = incoming;
    for (let at = 0; at < updated.length; ) {
      let end = at + 1;
      if (isAccepted(updated[at])) while (end < updated.length && isAccepted(updated[end])) end++;
      // The last group is written below.
      if (end === updated.length) {
        incoming.updated = at === 0 ? updated : updated.slice(at);
        break;
      }
      incoming.updated = updated.slice(at, end);
      process(session);
      at = end;
    }
    process(session);
  };
}

function isAccepted(delivery: { readonly state?: unknown } | undefined): boolean {
  return rhea.message.is_accepted(delivery?.state as never);
}
