import { HelsekontaktError, type Issue } from "@helsekontakt/core";

/** Issues that are listed of one file; the others are counted. */
export const maxListedIssues = 1_000;

/** Longest line that is taken, as one resource is held in memory whole. */
const maxLineBytes = 64 * 1024 * 1024;

/** How far the reading of a stream has come. */
export interface LineProgress {
  readonly resources: number;
  readonly bytes: number;
}

/** Validates the text of one line. */
export type ValidateLine = (text: string) => readonly Issue[];

/**
 * Verdicts on lines of JSON, one resource each: takes any number of lines, and keeps the first issues only.
 */
export class LineVerdicts {
  readonly #validate: ValidateLine;
  readonly #issues: Issue[] = [];
  readonly #more = { error: 0, warning: 0, line: 0 };
  #line = 0;
  resources = 0;

  constructor(validate: ValidateLine) {
    this.#validate = validate;
  }

  /** One line, without its line end. */
  add(bytes: Uint8Array): void {
    this.#line++;
    const text = decode(bytes);
    if (text === undefined) this.#note([fault("fhir/not-readable", "expected JSON in UTF-8, found other bytes")]);
    else if (text.trim() === "") return;
    else this.#note(this.#validate(text));
    this.resources++;
  }

  /** A line that was not kept, because it is too long. */
  addTooLong(): void {
    this.#line++;
    this.resources++;
    this.#note([fault("input/too-large", `expected a line of at most ${maxLineBytes} bytes, found more`)]);
  }

  #note(issues: readonly Issue[]): void {
    for (const issue of issues)
      if (this.#issues.length < maxListedIssues) this.#issues.push({ ...issue, line: this.#line });
      else {
        this.#more[issue.level === "error" ? "error" : "warning"]++;
        this.#more.line ||= this.#line;
      }
  }

  /** All that is to be said: a last issue counts those that are not listed. */
  issues(): readonly Issue[] {
    if (this.resources === 0)
      return [fault("fhir/not-readable", "expected a resource on each line, found a file without any")];
    const { error, warning, line } = this.#more;
    if (error + warning === 0) return this.#issues;
    const message = `expected at most ${maxListedIssues} issues in the list, found more: ${error} errors and ${warning} warnings from line ${line} on are counted only`;
    return [
      ...this.#issues,
      { level: error > 0 ? "error" : "warning", rule: "fhir/more-issues", path: "", line, message },
    ];
  }
}

/** Splits bytes into lines and gives them to the verdicts; `last` ends the last line. */
export class LineSplitter {
  readonly #to: LineVerdicts;
  #parts: Uint8Array[] = [];
  #size = 0;
  bytes = 0;

  constructor(to: LineVerdicts) {
    this.#to = to;
  }

  write(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, end));
      this.#flush();
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  end(): void {
    if (this.#size > 0) this.#flush();
  }

  #keep(part: Uint8Array): void {
    this.#size += part.length;
    if (this.#size <= maxLineBytes) this.#parts.push(part);
    else this.#parts = [];
  }

  #flush(): void {
    if (this.#size > maxLineBytes) this.#to.addTooLong();
    else this.#to.add(this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts));
    this.#parts = [];
    this.#size = 0;
  }
}

/**
 * Validates a stream of lines; one line and the first issues are all that is kept.
 *
 * @param onProgress - called after each chunk.
 */
export async function validateStream(
  chunks: AsyncIterable<Uint8Array>,
  validate: ValidateLine,
  onProgress: (progress: LineProgress) => void = () => undefined,
): Promise<readonly Issue[]> {
  const verdicts = new LineVerdicts(validate);
  const lines = new LineSplitter(verdicts);
  for await (const chunk of chunks) {
    lines.write(chunk);
    onProgress({ resources: verdicts.resources, bytes: lines.bytes });
  }
  lines.end();
  return verdicts.issues();
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function fault(code: "fhir/not-readable" | "input/too-large", message: string): Issue {
  const error = new HelsekontaktError(code, message);
  return { level: "error", rule: error.code, path: "", message };
}
