/** Lets the event loop look at sockets and timers before work goes on. @internal */
export function turn(): Promise<void> {
  return new Promise((next) => setImmediate(next));
}
