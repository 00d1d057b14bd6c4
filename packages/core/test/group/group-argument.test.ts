import { describe, expect, it } from 'vitest';
import { ChannelGroup } from '../../src/index.ts';
import { EmbeddedChannel } from '../../src/testing/index.ts';

describe('what a group is given', () => {
  const group = new ChannelGroup('members');

  it('is a channel', () => {
    const channel = new EmbeddedChannel();
    for (const [wrong, text] of [
      [undefined, 'but got undefined'],
      [null, 'but got null'],
      ['bob', 'but got the text "bob"'],
      [{}, 'but got an object'],
      [EmbeddedChannel, 'but got the function or class EmbeddedChannel'],
      [{ channel }, 'but got an object; give its channel: ctx.channel'],
    ] as const) {
      expect(() => group.add(wrong as never)).toThrow(`add takes a channel, ${text}`);
      expect(() => group.has(wrong as never)).toThrow(TypeError);
      if (wrong !== 'bob')
        expect(() => group.remove(wrong as never)).toThrow('remove takes a channel');
    }
    expect(group.remove('bob')).toBe(false);
    expect(group.size).toBe(0);
  });

  it('is a function where it chooses members', async () => {
    const channel = new EmbeddedChannel() as never;
    const text = 'but got a channel: ChannelMatchers.is(channel) or isNot(channel)';
    expect(() => group.writeAndFlush('hi', channel)).toThrow(text);
    expect(() => group.flush(channel)).toThrow(text);
    expect(() => group.close('local', channel)).toThrow(text);
    await expect(group.newCloseFuture(channel)).rejects.toThrow(text);
  });

  it('is a name before its options', () => {
    expect(() => new ChannelGroup({ stayClosed: true } as never)).toThrow(
      'options come second: new ChannelGroup(undefined, { … })',
    );
  });
});
