import { type Channel, type Context, type Handler, isHeadraceError } from '@headrace/core';
import { LASTING_ERRORS, type SessionLog } from '@headrace/lasting';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubLog } from '../log/hub-log.ts';
import { TwoProcesses } from './two-processes.ts';

describe('a lasting channel whose log the primary process has', () => {
  let primary: HubLog;
  let world: TwoProcesses;
  let client: Channel;
  let texts: string[];

  /** As each process has it. */
  const reached: SessionLog = {
    keepMs: 600_000,
    read: (id) => log.read(id),
    append: (...call) => log.append(...call),
    remove: (...call) => log.remove(...call),
  };
  let log: SessionLog;

  const echo = (): Handler => ({
    channelRead: (ctx: Context, bytes: Buffer) => void ctx.writeAndFlush(bytes),
  });
  const say = async (...lines: string[]): Promise<void> => {
    for (const line of lines) client.writeAndFlush(Buffer.from(line)).onSettled(() => {});
    await world.passSlowly(2000);
  };

  beforeEach(async () => {
    world = new TwoProcesses({ log: reached, logTimeoutMs: 1000 });
    primary = new HubLog();
    log = primary.reached(world.clock);
    await world.pass(100);
    texts = [];
    await world.up(() => [echo()]);
    client = await world.connect({
      channelRead: (_ctx: Context, bytes: Buffer) => void texts.push(String(bytes)),
    });
    await say('one');
  });
  afterEach(async () => {
    await world.end();
    const end = primary.end();
    await world.pass(1000);
    await end;
  });

  it('goes on in another process when its own is killed', async () => {
    await world.before.kill();
    await say('two', 'three');
    expect([texts, world.after.channels.length]).toEqual([['one', 'two', 'three'], 1]);
  });

  it('goes on in another process by a hand-over', async () => {
    const over = world.before.table.handOver();
    await say('two');
    expect(await over).toEqual({ moved: 1, failed: 0, failures: [] });
    expect([texts, world.after.channels.length]).toEqual([['one', 'two'], 1]);
  });

  it('waits while the primary is gone, and goes on from its process in the next primary', async () => {
    primary.kill();
    await say('two');
    expect([texts, client.isActive]).toEqual([['one'], true]);
    primary.start();
    await world.passSlowly(6000);
    expect(texts).toEqual(['one', 'two']);
    // The next primary has the whole channel.
    await world.before.kill();
    await say('three');
    expect([texts, world.after.channels.length]).toEqual([['one', 'two', 'three'], 1]);
  });

  it('is gone when its process and the primary are gone', async () => {
    primary.kill();
    await world.before.kill();
    primary.start();
    await world.passSlowly(6000);
    expect(isHeadraceError(client.closeInfo?.error, LASTING_ERRORS.RESUME_GONE)).toBe(true);
  });

  it('leaves nothing in the primary when it ends', async () => {
    const { id } = [...world.before.table['sessions'].values()][0]!.transport;
    const name = Buffer.from(id, 'latin1').toString('hex');
    expect(await log.read(name)).toBeDefined();
    client.close();
    await world.passSlowly(500);
    expect(await log.read(name)).toBeUndefined();
  });
});
