/**
 * The broker contract of `@helsekontakt/amqp-messaging`, the same cases that run against the in-process brokers, against
 * a real RabbitMQ. Exit 0: all kept. Exit 1: a case failed. Exit 2: the run could not take place.
 */
import { contractCases } from "@helsekontakt/amqp-messaging/contract";
import { prepareRabbitMq } from "./_rabbitmq.ts";

async function main(): Promise<number> {
  const only = process.argv[2];
  const broker = await prepareRabbitMq();
  const { host, port, username, password, namespace } = broker;
  let failed = 0;
  let passed = 0;
  try {
    for (const { name, run } of contractCases) {
      if (only !== undefined && !name.includes(only)) continue;
      const start = performance.now();
      try {
        await run({
          settings: { host, port, username, password, namespace, transport: "tcp" },
          makeQueue: () => broker.makeQueue(),
          quirks: { reversesDataSections: broker.version.startsWith("3.") },
        });
        passed++;
        console.log(`ok      ${name} (${Math.round(performance.now() - start)} ms)`);
      } catch (error) {
        failed++;
        console.log(`FAILED  ${name}`);
        console.log(error);
      }
    }
    const unroutable = await broker.unroutable();
    console.log(`unroutable messages: ${unroutable}`);
    if (unroutable !== 0) failed++;
  } finally {
    await broker.clean();
  }
  console.log(`RabbitMQ ${broker.version}, rabbitmq_amqp1_0: ${passed} of ${passed + failed} contract cases kept`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(`rabbitmq-contract could not run: ${error instanceof Error ? error.message : String(error)}`);
  return 2;
});
