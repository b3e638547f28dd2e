/** Where a command writes; `main` gives the process's own streams. */
export interface CliIo {
  out(text: string | Uint8Array): void;
  err(text: string): void;
}

/** How a command ends: 0 good, 1 findings, 2 could not run. */
export type ExitCode = 0 | 1 | 2;

/** The streams of this process. */
export const processIo: CliIo = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

/** JSON for machines, one value and a line end. */
export function printJson(io: CliIo, value: unknown): void {
  io.out(`${JSON.stringify(value, undefined, 2)}\n`);
}
