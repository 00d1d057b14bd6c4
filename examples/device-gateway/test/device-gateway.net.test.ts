import { once } from 'node:events';
import net from 'node:net';
import { type Context, silentLogger } from '@headrace/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SocketClock } from '../../../packages/core/test/fixture/socket-clock.ts';
import { DeviceGateway, type GatewayOptions } from '../src/device-gateway.ts';
import { type DeviceOptions, SimulatedDevice } from '../src/simulated-device.ts';

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function started(options: Partial<GatewayOptions> = {}) {
  const gateway = new DeviceGateway({
    authenticate: (_device, token) => token === 'secret',
    port: 0,
    graceMs: 0,
    logger: silentLogger,
    ...options,
  });
  const port = await gateway.start();
  ends.push(() => gateway.stop());
  const connect = async (device: string, rest: Partial<DeviceOptions> = {}) => {
    const one = await SimulatedDevice.connect({ port, device, token: 'secret', ...rest });
    ends.push(() => one.channel.abort());
    return one;
  };
  return { gateway, port, connect };
}

describe('the device gateway', () => {
  it('lets devices sign in, and knows which are online and which have left', async () => {
    const { gateway, connect } = await started();
    const online = once(gateway, 'online');
    const pump = await connect('pump');
    expect(await online).toEqual(['pump']);
    await connect('valve');
    expect(gateway.online()).toEqual(['pump', 'valve']);
    const offline = once(gateway, 'offline');
    pump.channel.close();
    expect(await offline).toEqual(['pump', expect.objectContaining({ reason: 'peer' })]);
    expect(gateway.online()).toEqual(['valve']);
  });

  it('refuses a wrong token, and a device that speaks before it logs in', async () => {
    const { gateway, port, connect } = await started();
    await expect(connect('pump', { token: 'guess' })).rejects.toThrow('wrong token');
    const rude = net.connect({ host: '127.0.0.1', port });
    ends.push(() => rude.destroy());
    rude.write(Buffer.from('000303"x"', 'latin1').subarray(0, 0));
    rude.write(Buffer.from([0, 4, 3, 0x22, 0x78, 0x22]));
    const [bytes] = (await once(rude, 'data')) as [Buffer];
    expect(bytes.subarray(2).toString('latin1')).toBe('\x02"log in first"');
    await once(rude, 'close');
    expect(gateway.online()).toEqual([]);
  });

  it('passes telemetry up with the name of the device', async () => {
    const { gateway, connect } = await started();
    const pump = await connect('pump');
    const telemetry = once(gateway, 'telemetry');
    pump.telemetry({ celsius: 21.5 });
    expect(await telemetry).toEqual(['pump', { celsius: 21.5 }]);
  });

  it('sends a command down to one device, and resolves with its result', async () => {
    const { gateway, connect } = await started();
    const pump = await connect('pump');
    const valve = await connect('valve');
    const asked = vi.fn();
    valve.onCommand = asked;
    pump.onCommand = (command) => ({ did: command });
    const results = await Promise.all([
      gateway.command('pump', 'start'),
      gateway.command('pump', 'stop'),
    ]);
    expect(results).toEqual([{ did: 'start' }, { did: 'stop' }]);
    expect(asked).not.toHaveBeenCalled();
    await expect(gateway.command('nobody', 'x')).rejects.toThrow('nobody is offline');
  });

  it('fails a command that is not answered in time, or whose device goes', async () => {
    const clock = new SocketClock();
    const { gateway, connect } = await started({ commandTimeoutMs: 50, clock });
    const pump = await connect('pump');
    const late = gateway.command('pump', 'x');
    clock.advance(50);
    await expect(late).rejects.toMatchObject({ code: 'HR_ERR_TIMEOUT_REQUEST' });
    const lost = gateway.command('pump', 'y');
    pump.channel.abort();
    await expect(lost).rejects.toMatchObject({ code: 'HR_ERR_REQUEST_LOST' });
  });

  it('finds a device offline that is silent, and keeps one that sends heartbeats', async () => {
    const clock = new SocketClock();
    const { gateway, connect } = await started({ silenceMs: 200, clock });
    const alive = await connect('alive', { heartbeatMs: 40, clock });
    await connect('silent', { heartbeatMs: false });
    let answered = 0;
    alive.channel.pipeline.addFirst({
      channelRead(ctx: Context, bytes: Buffer) {
        answered += 1;
        ctx.fireChannelRead(bytes);
      },
    });
    const offline = once(gateway, 'offline');
    for (let beats = 1; beats <= 5; beats++) {
      expect(gateway.online()).toEqual(['alive', 'silent']);
      clock.advance(40);
      await expect.poll(() => answered, { interval: 1 }).toBeGreaterThanOrEqual(beats);
    }
    expect(await offline).toEqual(['silent', expect.objectContaining({ reason: 'heartbeat' })]);
    expect(gateway.online()).toEqual(['alive']);
  });

  it('lets the newer connection of a device take its place', async () => {
    const { gateway, connect } = await started();
    const presence: string[] = [];
    gateway.on('online', (device) => presence.push(`${device} online`));
    gateway.on('offline', (device) => presence.push(`${device} offline`));
    const older = await connect('pump');
    const newer = await connect('pump');
    newer.onCommand = () => 'newer';
    await older.channel.closed;
    expect(older.refusal).toBe('logged in elsewhere');
    expect(await gateway.command('pump', 'x')).toBe('newer');
    expect(gateway.online()).toEqual(['pump']);
    // A dashboard that follows the events must not hold a living device for dead.
    expect(presence).toEqual(['pump online']);
  });

  it.each([
    ['an unknown type', [0, 2, 99, 0]],
    ['a body that is no JSON', [0, 2, 3, 0x7b]],
    ['a login without a token', [0, 3, 0, 0x7b, 0x7d]],
    ['a result without an id', [0, 2, 5, 0]],
    ['a frame over the limit', [0xff, 0xff, 0]],
  ])('closes a connection that sends %s, and serves the others', async (_name, bytes) => {
    const { gateway, port, connect } = await started();
    const pump = await connect('pump');
    const bad = net.connect({ host: '127.0.0.1', port });
    bad.on('error', () => {});
    bad.write(Buffer.from(bytes));
    await once(bad.resume(), 'close');
    pump.onCommand = () => 'fine';
    expect(await gateway.command('pump', 'x')).toBe('fine');
  });
});
