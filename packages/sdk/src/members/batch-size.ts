import type { BatchLimits } from "./batch-limits.ts";
import { CostsByLength, middle } from "./costs-by-length.ts";

/** Answers that decide on the next call's length. */
const remembered = 9;
/** Answers, at first, until a length above one that had none is tried; four times as many each time that fails, up to the second. */
const [firstWait, longestWait] = [8, 256];
/** The call time's logarithm is sized for this many of its deviations below the limit: 49 calls of 50 end before it. */
const deviations = 2;

/**
 * How many members to send in the next call: so many that it takes about the target, or less where calls take unevenly
 * long, so that 49 of 50 end within the limit; and fewer where shorter lists cost less for each member.
 *
 * At most doubles from call to call, and a length that was not answered before is tried by one call at a time. Without an
 * answer in time it is half; back at once when the same list is answered when it is sent again, since then its length was
 * not at fault; else lengths near it are left alone for a while.
 */
export class BatchSizer {
  readonly #limits: BatchLimits;
  #size: number;
  #ceiling: number;
  /** The longest that was answered, and not left without an answer since. */
  #proven: number;
  /** A longer one that is under way, and answers until it is given up. */
  #probe: { readonly members: number; answers: number } | undefined;
  #wait = firstWait;
  #untilRaise = firstWait;
  /** A former ceiling, above which a length is being tried. */
  #tried: number | undefined;
  /** Milliseconds per member of the last calls. */
  readonly #lately: { readonly members: number; readonly cost: number }[] = [];
  readonly #costs = new CostsByLength();
  #largest = 0;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
    this.#size = limits.fixed ?? limits.start;
    this.#ceiling = limits.max;
    this.#proven = this.#size;
  }

  get size(): number {
    return this.#size;
  }

  /** What lists have while a longer one is tried. */
  get #usual(): number {
    return Math.min(this.#size, this.#proven);
  }

  /** The largest list that was answered. */
  get largest(): number {
    return this.#largest;
  }

  /** Begins where earlier runs ended, a little below: answers of yesterday promise none of today. */
  remember(batches: readonly { readonly members: number; readonly ms: number }[]): void {
    if (this.#limits.fixed !== undefined || batches.length === 0) return;
    const proven = Math.max(...batches.map((b) => b.members));
    // The short list at the end of a run says nothing of longer ones.
    const telling = batches.filter((b) => b.members * 2 >= proven);
    const cost = Math.max(...telling.map((b) => Math.max(b.ms, 1) / b.members));
    const wanted = Math.min((0.7 * this.#limits.targetMs) / cost, proven, this.#limits.max);
    this.#size = Math.max(this.#size, Math.round(wanted));
    this.#proven = this.#size;
  }

  /** The length of a list that is sent now. */
  next(): number {
    if (this.#limits.fixed !== undefined || this.#size <= this.#proven) return this.#size;
    if (this.#probe !== undefined) return this.#proven;
    this.#probe = { members: this.#size, answers: 8 * this.#limits.parallel };
    return this.#size;
  }

  answered(members: number, ms: number): void {
    this.#largest = Math.max(this.#largest, members);
    if (this.#limits.fixed !== undefined) return;
    if (this.#probe !== undefined && (members >= this.#probe.members || --this.#probe.answers <= 0))
      this.#probe = undefined;
    // A short list at the end of the work says nothing of longer ones.
    if (members * 2 < this.#usual) return;
    this.#met(members, Math.max(ms, 0.01));
    this.#proven = Math.max(this.#proven, members);
    this.#size = Math.max(this.#size, Math.min(members, this.#limits.max));
    this.#raise(members);
    const most = Math.min(this.#wanted(), this.#costs.cheapest());
    const bounded = Math.min(Math.max(most, this.#size * 0.67), this.#proven * 2, this.#ceiling);
    this.#size = Math.max(1, Math.round(bounded));
  }

  /** @param again - A list of the sizer's was left without an answer before, too: its length may be at fault. */
  timedOut(members: number, again = false): void {
    // Halves of a slow list say nothing of the size of others.
    if (this.#limits.fixed !== undefined || members * 2 <= this.#usual) return;
    // Until it is known whether its length was at fault, no other one as long is sent.
    if (again && this.#probe !== undefined && members >= this.#probe.members) this.#probe = undefined;
    // One that was longer than any before says nothing of those.
    const rest = members > this.#proven ? this.#proven : Math.max(1, Math.floor(members / 2));
    this.#size = Math.min(this.#size, rest);
    this.#proven = Math.min(this.#proven, rest);
    if (!again || members > this.#ceiling) return;
    this.#lower(Math.max(this.#proven, Math.floor(Math.sqrt(this.#proven * members * 0.8))));
  }

  /** A list was refused for its length. */
  tooLong(members: number): void {
    this.#probe = undefined;
    this.#lower(Math.max(1, Math.floor(members / 2)));
    this.#size = Math.min(this.#size, this.#ceiling);
    this.#proven = Math.min(this.#proven, this.#ceiling);
  }

  #lower(ceiling: number): void {
    this.#ceiling = ceiling;
    this.#tried = undefined;
    this.#wait = Math.min(longestWait, this.#wait * 4);
    this.#untilRaise = this.#wait;
  }

  /** Tries a length above the ceiling when it is time for it, and more at once where that is answered. */
  #raise(members: number): void {
    if (this.#ceiling >= this.#limits.max) return;
    if (this.#tried !== undefined && members > this.#tried) {
      this.#wait = firstWait;
      this.#untilRaise = 0;
    }
    if (--this.#untilRaise > 0) return;
    this.#tried = this.#ceiling;
    this.#ceiling = Math.min(this.#limits.max, Math.ceil(this.#ceiling * 1.25));
    this.#untilRaise = this.#wait;
  }

  #met(members: number, ms: number): void {
    const cost = ms / members;
    this.#lately.push({ members, cost });
    if (this.#lately.length > remembered) this.#lately.shift();
    this.#costs.met(members, cost);
  }

  /**
   * By the middle one of the last calls and the middle deviation from it: a single call that was held up says nothing of
   * the others, and would weigh in a mean.
   */
  #wanted(): number {
    const { targetMs, timeoutMs } = this.#limits;
    // Of shorter lists each member costs more.
    const costs = this.#lately.filter((l) => l.members * 2 >= this.#usual).map((l) => l.cost);
    const cost = middle(costs);
    const deviation = 1.48 * middle(costs.map((c) => Math.abs(Math.log(c / cost))));
    return Math.min(targetMs, timeoutMs * Math.exp(-deviations * deviation)) / cost;
  }
}
