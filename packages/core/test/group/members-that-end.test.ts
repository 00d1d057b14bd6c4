import { describe, expect, it } from 'vitest';
import { ChannelGroup, type LogLevel } from '../../src/index.ts';
import { EmbeddedChannel, VirtualClock } from '../../src/testing/index.ts';

function members(count: number, options = {}) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const logger = { log: (level: LogLevel, text: string) => void lines.push(`${level} ${text}`) };
  const group = new ChannelGroup('room', options);
  const channels = Array.from({ length: count }, () => EmbeddedChannel.with({ clock, logger }));
  for (const channel of channels) group.add(channel);
  return { clock, lines, group, channels };
}

describe('a broadcast to members whose output has ended', () => {
  it('passes over them, and succeeds', async () => {
    const { group, channels, clock, lines } = members(3);
    const [first, second] = channels;
    first!.run(() => void first!.end());
    second!.run(() => void second!.shutdown('output'));
    await clock.run(async () => {
      await group.writeAndFlush('news');
    });
    expect(channels.map((channel) => channel.readOutbound())).toEqual([
      undefined,
      undefined,
      'news',
    ]);
    expect(lines).toEqual([]);
  });

  it('logs nothing when a room says good-bye to each member of a drained server', async () => {
    const { group, channels, clock, lines } = members(5);
    group.on('channelLeft', (left) => group.writeAndFlush(`${left.id} left`));
    await clock.run(async () => {
      for (const channel of channels) channel.end();
    });
    for (const channel of channels) channel.endInput();
    await clock.advance(1000);
    expect(group.isEmpty).toBe(true);
    expect(lines).toEqual([]);
  });

  it('passes over members that have closed before a long broadcast reaches them', async () => {
    const { group, channels, clock, lines } = members(50);
    group.on('channelLeft', (left) => group.writeAndFlush(`${left.id} left`));
    const [first, ...others] = channels;
    first!.pipeline.addLast({
      write(ctx, message) {
        for (const other of others) other.close('shutdown'); // as when the time of a slice is over
        return ctx.write(message);
      },
    });
    await clock.run(async () => {
      await group.writeAndFlush('news');
    });
    await clock.advance(1000);
    expect([first!.readOutbound(), group.size]).toEqual(['news', 1]);
    expect(lines).toEqual([]);
  });

  it('passes over a member that ends while newer messages wait for it', async () => {
    const options = { slowMember: 'coalesce', coalesceKey: (message: unknown) => message } as const;
    const { group, channels, clock, lines } = members(1, options);
    const [member] = channels;
    member!.embedded.isStuck = true;
    group.writeAndFlush(Buffer.alloc(100_000)).then(undefined, () => {});
    group.writeAndFlush('waits').then(undefined, () => {});
    member!.run(() => void member!.end());
    member!.run(() => member!.embedded.release());
    await clock.advance(1);
    expect(lines).toEqual([]);
  });
});

it('a broadcast still fails for a member whose handler refuses the message', async () => {
  const { group, channels } = members(1);
  channels[0]!.pipeline.addLast({
    write: () => {
      throw new Error('no such message');
    },
  });
  await expect(Promise.resolve(group.writeAndFlush('news'))).rejects.toThrow('no such message');
});

it('a broadcast still fails for a member that closes because it refuses the message', async () => {
  const { group, channels } = members(1);
  channels[0]!.pipeline.addLast({
    write: (ctx) => {
      ctx.close();
      throw new Error('no such message');
    },
  });
  await expect(Promise.resolve(group.writeAndFlush('news'))).rejects.toThrow('no such message');
});
