const largeFrom = 1024 * 1024;

/**
 * True for a payload with which building, checking and storing take so long each that the event loop gets its turn
 * between them.
 */
export function isLarge(payload: Uint8Array): boolean {
  return payload.byteLength >= largeFrom;
}
