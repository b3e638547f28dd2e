import rhea, { type Session } from "rhea";
import { endOfData } from "./check-encoding.ts";
import { releaseFrame } from "./frame-input.ts";

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

interface Transfer {
  performative: {
    message_format: number;
    handle: number;
    delivery_id?: number | null;
    more?: boolean | null;
    aborted?: boolean | null;
  };
  payload?: Buffer;
}

/** A receiver with a message that has not come whole. */
interface IncompleteLink {
  _incomplete?: { readonly id: number; frames?: Buffer[] };
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
    on_transfer(frame: Transfer): void;
    _get_link(frame: Transfer): IncompleteLink | undefined;
    on_disposition(frame: Disposition): void;
  };
  for (const side of [inner.outgoing, inner.incoming])
    side.deliveries = new UnsettledDeliveries(side.deliveries.capacity);
  writeOutcomesApart(inner.incoming);
  const onTransfer = inner.on_transfer.bind(session);
  const frames = new JoinedFrames();
  inner.on_transfer = (frame) => {
    frame.performative.message_format = rawFormat;
    // A message of no bytes would make rhea throw in its socket reader.
    frame.payload ??= Buffer.alloc(0);
    const { payload } = frame;
    const link = inner._get_link(frame);
    const joined = frames.take(link, frame);
    onTransfer(frame);
    if (!joined && frame.performative.more === true) frames.begin(link, payload);
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

/** A larger message is joined by rhea. */
const mostJoined = 64 * 1024 * 1024;

/**
 * Joins the frames of a message as they come, in memory of the size that its first frame tells: rhea would keep them all
 * and join them at the end, which is the message twice.
 */
class JoinedFrames {
  readonly #byLink = new WeakMap<IncompleteLink, { readonly id: number; readonly message: Buffer; filled: number }>();

  /** Takes a frame of a message that has begun; true when rhea has nothing left to join. */
  take(link: IncompleteLink | undefined, frame: Transfer): boolean {
    const known = link === undefined ? undefined : this.#byLink.get(link);
    const incomplete = link?._incomplete;
    const payload = frame.payload ?? Buffer.alloc(0);
    const { delivery_id: id, more, aborted } = frame.performative;
    if (link === undefined || known === undefined || incomplete === undefined) return false;
    const fits = known.filled + payload.length <= known.message.length;
    if (more !== true || !fits) this.#byLink.delete(link);
    // A transfer of the same message need not say which it is of.
    if (!fits || aborted === true || (id ?? known.id) !== known.id || incomplete.id !== known.id) return false;
    known.filled += payload.copy(known.message, known.filled);
    incomplete.frames = [known.message.subarray(0, known.filled)];
    delete frame.payload;
    releaseFrame(payload);
    return true;
  }

  /** Makes room for a message whose first frame rhea has just taken. */
  begin(link: IncompleteLink | undefined, payload: Buffer): void {
    const incomplete = link?._incomplete;
    if (link === undefined || incomplete?.frames?.length !== 1 || incomplete.frames[0] !== payload) return;
    const size = endOfData(payload);
    if (size === undefined || size > mostJoined || size <= payload.length) return;
    const message = Buffer.allocUnsafeSlow(size);
    // The first frame is left to the collector: the delivery's tag is in it.
    this.#byLink.set(link, { id: incomplete.id, message, filled: payload.copy(message) });
  }
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
