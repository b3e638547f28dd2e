/** Sums the closing lines of the test runs in a log: `Tests  3 passed (3)`, `Tests  1 failed | 2 passed (3)`. */
export function countTests(log) {
  // oxlint-disable-next-line no-control-regex -- the escape character is what colours are made of
  const plain = log.replace(/\u001b\[[0-9;]*m/g, "");
  let passed = 0;
  let failed = 0;
  for (const line of plain.split("\n")) {
    const tests = /(?:^|[:\s])Tests\s+(.*)$/.exec(line)?.[1];
    if (tests === undefined) continue;
    passed += Number(/(\d+) passed/.exec(tests)?.[1] ?? 0);
    failed += Number(/(\d+) failed/.exec(tests)?.[1] ?? 0);
  }
  return { passed, failed };
}
