/** `inspect.custom` by its registered name, which spares the import. */
const custom: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

let processKey: Uint8Array | undefined;

/**
 * A personal value that cannot print by accident: string conversion, JSON and `inspect` give a keyed hash that is the
 * same for equal values within one process and useless outside it. Only {@link reveal} gives the value.
 */
export class Personal {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself: for the wire and for the user interface, never for logs. */
  reveal(): string {
    return this.#value;
  }

  equals(other: Personal): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return pseudonym(this.#value);
  }

  toJSON(): string {
    return this.toString();
  }

  [custom](): string {
    return this.toString();
  }
}

/** The keyed hash under which a personal value may appear in logs of this process: `~` and 12 hex digits. */
export function pseudonym(value: string): string {
  // Loaded when the first one is asked for: most programs of a validator's size never do. `process` is the global one, since
  // an import of `node:process` opens the standard streams.
  const { createHmac, randomBytes } = process.getBuiltinModule("node:crypto");
  processKey ??= randomBytes(32);
  return `~${createHmac("sha256", processKey).update(value).digest("hex").slice(0, 12)}`;
}
