// Idempotency keys of the HTTP API in the stores of real servers: processes are killed, and the server starts again.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missing, NATS_SERVER, REDIS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { type BoxNode, GatewayBox, PATIENCE } from './gateway-box.ts';

const KEY = 'open-sesame';
async function publish({ port }: BoxNode, message: string) {
  const response = await fetch(`http://127.0.0.1:${port}/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'idempotency-key': message },
    body: JSON.stringify({ to: { all: true }, message }),
  });
  const { status, headers } = response;
  const value = (await response.json()) as { delivered?: number; error?: { code: string } };
  return { status, value, isAgain: headers.get('idempotency-replayed') === 'true' };
}

describe.each([
  ['NATS', NATS_SERVER],
  ['Redis', REDIS_SERVER],
] as const)('idempotency keys in %s', (_name, server) => {
  const absent = missing(server);

  it.runIf(absent === '')(
    `hold after all nodes and the server were killed${absent}`,
    { timeout: 300_000 },
    async () => {
      const box = await GatewayBox.start(server);
      onTestFinished(() => box.end());
      const gateway = await box.gateway();
      const clients = await box.connectAll(gateway, 4);
      const [one, two] = [await box.api({ keys: [KEY] }), await box.api({ keys: [KEY] })];
      await expect.poll(async () => (await publish(one, 'first')).status, PATIENCE).toBe(200);
      const all = ['a', 'b', 'c'];
      for (const message of all) {
        expect(await publish(one, message)).toMatchObject({
          value: { delivered: 4 },
          isAgain: false,
        });
        expect(await publish(two, message)).toMatchObject({
          value: { delivered: 4 },
          isAgain: true,
        });
      }
      // One that is under way when its node dies: the gateway that stands still keeps it waiting.
      gateway.process.signal('SIGSTOP');
      const cut = publish(one, 'cut').catch(() => {});
      await delay(500);
      await one.process.kill();
      gateway.process.signal('SIGCONT');
      await cut;
      expect((await publish(two, 'cut')).value.error?.code).toBe('OUTCOME_UNKNOWN');
      await Promise.all([two.process.kill(), gateway.process.kill()]);
      await box.server.kill();
      await box.server.start();
      const next = await box.api({ keys: [KEY] });
      await expect.poll(async () => (await publish(next, 'next')).status, PATIENCE).toBe(200);
      for (const message of all) {
        expect(await publish(next, message)).toMatchObject({
          value: { delivered: 4 },
          isAgain: true,
        });
      }
      expect((await publish(next, 'cut')).value.error?.code).toBe('OUTCOME_UNKNOWN');
      for (const { heard } of clients) {
        expect(heard.filter((text) => all.includes(text))).toEqual(all);
      }
    },
  );
});
