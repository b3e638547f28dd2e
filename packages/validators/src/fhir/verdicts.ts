/** As many resources one after the other are followed from reference to reference; what lies behind counts as good. */
const maxHops = 100;

type Verdicts = Map<unknown, Map<unknown, boolean>>;

/** What is known for each reading of a document: references may lead in circles, and many to one target. */
const known = new WeakMap<object, Verdicts>();

/** How many verdicts are being found, one for the sake of the other. A document may have a chain as long as the stack. */
let hops = 0;

/**
 * The verdict of a check on an object, found once for each reading; while it is being found, a circle that comes back to it
 * counts as good.
 *
 * @param c - the context of the reading.
 * @param key - what tells the check from others.
 */
export function verdict(c: object, o: unknown, key: unknown, find: () => boolean): boolean {
  if (typeof o !== "object" || o === null) return find();
  let verdicts = known.get(c);
  if (verdicts === undefined) known.set(c, (verdicts = new Map()));
  let own = verdicts.get(o);
  if (own === undefined) verdicts.set(o, (own = new Map()));
  const before = own.get(key);
  if (before !== undefined) return before;
  if (hops >= maxHops) return true;
  own.set(key, true);
  hops++;
  try {
    const good = find();
    own.set(key, good);
    return good;
  } finally {
    hops--;
  }
}
