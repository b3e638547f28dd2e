/** Milliseconds until the next try after `attempt` tries: 1 s doubled each time to 5 min, less up to 20 %. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(1_000 * 2 ** Math.max(0, attempt - 1), 300_000);
  return Math.round(full * (1 - 0.2 * random()));
}
