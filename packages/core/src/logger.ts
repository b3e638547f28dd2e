/** Facts for a log line. Never a person's data, message content, tokens or keys. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The logger that the SDK writes to; shaped so that pino, winston and console fit with a line of glue. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Says nothing; the default. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
