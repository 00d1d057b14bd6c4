import { encodeJson, parseJson } from '@headrace/codec';
import { Bootstrap, type Channel } from '@headrace/core';
import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { startMqttGateway, watchDevices } from '../src/mqtt-gateway.ts';

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function gateway() {
  const made = await startMqttGateway(new Map([['pump-7', 'sesame']]));
  opened.push(() => made.close());
  const page = watchDevices(`ws://127.0.0.1:${made.web.port}/ws`);
  opened.push(() => page.leave());
  const device = async (password: string, protocolLevel: 4 | 5 = 5) => {
    const got: MqttPacket[] = [];
    const channel: Channel<unknown, MqttPacket> = await new Bootstrap()
      .handler(({ pipeline }) =>
        pipeline.addLast(new MqttDecoder({ protocolLevels: [4, 5] }), new MqttEncoder(), {
          channelRead: (_ctx, packet: MqttPacket) => void got.push(packet),
        }),
      )
      .connect({ host: '127.0.0.1', port: made.mqtt.port });
    opened.push(async () => channel.abort());
    await channel.writeAndFlush({
      type: 'connect',
      protocolLevel,
      cleanSession: true,
      keepAliveSeconds: 60,
      clientId: 'pump-7',
      username: 'device',
      password: Buffer.from(password),
    });
    return { channel, got };
  };
  const publish = (channel: Channel<unknown, MqttPacket>, packetId: number, celsius: number) =>
    channel.writeAndFlush({
      type: 'publish',
      topic: 'devices/pump-7/state',
      payload: encodeJson({ celsius }),
      qos: 1,
      packetId,
      retain: false,
      dup: false,
    });
  return { page, device, publish };
}

describe('the MQTT gateway', () => {
  it.each([5, 4] as const)(
    'shows the values of a device of version %s, while it is there',
    async (version) => {
      const { page, device, publish } = await gateway();
      const { channel, got } = await device('sesame', version);
      await expect.poll(() => got[0]).toMatchObject({ type: 'connack', returnCode: 0 });
      for (const n of [1, 2, 3]) await publish(channel, n, 20 + n);
      await expect.poll(() => page.devices.get('pump-7')).toEqual({ celsius: 23 });
      await expect
        .poll(() => got.slice(1))
        .toMatchObject([{ packetId: 1 }, { packetId: 2 }, { packetId: 3 }]);
      channel.abort();
      await expect.poll(() => page.devices.size).toBe(0);
    },
  );

  it('passes commands of a page to a device that has subscribed', async () => {
    const { page, device } = await gateway();
    const { channel, got } = await device('sesame');
    await expect.poll(() => page.devices.status).toBe('ready');
    expect(await page.command('pump-7', 'open')).toBe(false);
    const topic = 'devices/pump-7/commands';
    const topics = ['devices/#', topic].map((one) => ({ topic: one, qos: 0 as const }));
    await channel.writeAndFlush({ type: 'subscribe', packetId: 1, subscriptions: topics });
    await expect.poll(() => got.at(-1)).toMatchObject({ type: 'suback', granted: [0x87, 0] });
    expect(await page.command('pump-7', 'open')).toBe(true);
    await expect.poll(() => got.at(-1)?.type).toBe('publish');
    const last = got.at(-1) as MqttPacket & { type: 'publish' };
    expect([last.topic, parseJson(last.payload, 1000)]).toEqual([topic, { command: 'open' }]);
  });

  it('refuses a wrong token, and leaves the older of two connections', async () => {
    const { page, device, publish } = await gateway();
    const refused = await device('guess');
    await refused.channel.closed;
    expect(refused.got).toMatchObject([{ type: 'connack', returnCode: 0x86 }]);
    const older = await device('sesame');
    await expect.poll(() => older.got.length).toBe(1);
    const { channel } = await device('sesame');
    await older.channel.closed;
    await publish(channel, 1, 7);
    await expect.poll(() => page.devices.get('pump-7')).toEqual({ celsius: 7 });
  });
});
