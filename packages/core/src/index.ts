export { type Clock, systemClock, throwIfAborted, waitFor } from "./clock.ts";
export { connectionFault } from "./connection-fault.ts";
export { type ErrorContext, HelsekontaktError, type HelsekontaktErrorOptions } from "./error.ts";
export { type ErrorCode, errorCodes } from "./error-codes.ts";
export {
  type Issue,
  type IssueLevel,
  ValidationError,
  type ValidationResult,
  type Validator,
  validationResult,
} from "./issue.ts";
export { limitTime, type TimeLimit } from "./limit-time.ts";
export { holdLockFile, type LockFaults } from "./lock-file.ts";
export { type LogFields, type Logger, silentLogger } from "./logger.ts";
export { Personal, pseudonym } from "./personal.ts";
export { retryAfterMs } from "./retry-after.ts";
export {
  type Metric,
  silentTelemetry,
  type SpanOptions,
  type Telemetry,
  type TelemetryAttributes,
  type TelemetrySpan,
} from "./telemetry.ts";
