// What the sides of the run with a large message measure of their own process.

/** XML of the size: one attachment in base64, which is what makes messages large. */
export function document(size: number): Buffer {
  const start =
    '<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><Document><RefDoc><Content><Base64Container xmlns="http://www.kith.no/xmlstds/base64container">';
  const end = "</Base64Container></Content></RefDoc></Document></MsgHead>";
  return Buffer.concat([Buffer.from(start), Buffer.alloc(size - start.length - end.length, "QUJD"), Buffer.from(end)]);
}

/** Highest resident memory so far, in bytes: the kernel's count, which misses no peak. */
export const peak = (): number => process.resourceUsage().maxRSS * 1024;

/**
 * Watches the event loop until the answer is called. `cpu` is the processor time of its longest turn: others on a busy
 * machine do not count into it, nor does waiting for a disk. `wall` is by the clock and has both. Milliseconds.
 */
export function watchLoop(): () => { cpu: number; wall: number } {
  const every = 1;
  const cpuTime = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1_000;
  };
  const longest = { cpu: 0, wall: 0 };
  let cpu = cpuTime();
  let at = performance.now();
  const look = (): void => {
    const now = [cpuTime(), performance.now()] as const;
    longest.cpu = Math.max(longest.cpu, now[0] - cpu);
    longest.wall = Math.max(longest.wall, now[1] - at - every);
    [cpu, at] = now;
  };
  const timer = setInterval(look, every);
  return () => {
    clearInterval(timer);
    look();
    return longest;
  };
}
const collect = (): void => (globalThis as { gc?: () => void }).gc?.();

/** Lets what is garbage go. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
