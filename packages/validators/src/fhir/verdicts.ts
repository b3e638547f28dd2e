/** As many resources one after the other are followed from reference to reference; what lies behind counts as good. */
const maxHops = 100;

/** A verdict, or while it is being found how many others are being found around it. */
type Verdicts = Map<unknown, boolean | number>;

/** What is known for one reading of a document. */
interface Reading {
  readonly verdicts: Map<unknown, Verdicts>;
  /** Good ones that rest on one which is still being found: should that turn out bad, they are no longer known. */
  readonly resting: { readonly verdicts: Verdicts; readonly key: unknown }[];
}

/** References may lead in circles, and many to one target. */
const readings = new WeakMap<object, Reading>();

/** How many verdicts are being found, one for the sake of the other. A document may have a chain as long as the stack. */
let hops = 0;
/** The outermost of those being found that was taken for good since the innermost began, by its number. */
let outermost = Number.POSITIVE_INFINITY;
/** Those being found that were taken for good. */
const taken = new Set<number>();

/**
 * The verdict of a check on an object, found once for each reading; while it is being found, a circle that comes back to it
 * counts as good.
 *
 * @param c - the context of the reading.
 * @param key - what tells the check from others.
 */
export function verdict(c: object, o: unknown, key: unknown, find: () => boolean): boolean {
  if (typeof o !== "object" || o === null) return find();
  let reading = readings.get(c);
  if (reading === undefined) readings.set(c, (reading = { verdicts: new Map(), resting: [] }));
  let verdicts = reading.verdicts.get(o);
  if (verdicts === undefined) reading.verdicts.set(o, (verdicts = new Map()));
  const before = verdicts.get(key);
  if (typeof before === "boolean") return before;
  if (before !== undefined) {
    taken.add(before);
    outermost = Math.min(outermost, before);
    return true;
  }
  if (hops >= maxHops) return true;
  return findOnce(reading, verdicts, key, find);
}

function findOnce({ resting }: Reading, verdicts: Verdicts, key: unknown, find: () => boolean): boolean {
  const around = outermost;
  const from = resting.length;
  const own = hops++;
  outermost = Number.POSITIVE_INFINITY;
  taken.delete(own);
  verdicts.set(key, own);
  let good: boolean | undefined;
  try {
    return (good = find());
  } finally {
    hops--;
    if (good === undefined) verdicts.delete(key);
    else verdicts.set(key, good);
    if (good !== true && taken.has(own)) for (const r of resting.splice(from)) r.verdicts.delete(r.key);
    // Nothing further out was taken for good: this one, and those that rest on it, are known.
    if (outermost >= own) {
      resting.length = from;
      outermost = around;
    } else {
      if (good === true) resting.push({ verdicts, key });
      outermost = Math.min(outermost, around);
    }
  }
}
