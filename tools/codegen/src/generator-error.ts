/** A construct that a generator does not know: it stops with file, line and construct, and writes nothing. */
export class GeneratorError extends Error {
  override readonly name = "GeneratorError";
  readonly file: string;
  readonly line: number | undefined;
  readonly construct: string;

  constructor(file: string, line: number | undefined, construct: string, expected: string) {
    super(`${file}${line === undefined ? "" : `:${line}`}: expected ${expected}, found ${construct}`);
    this.file = file;
    this.line = line;
    this.construct = construct;
  }
}
