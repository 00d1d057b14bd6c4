import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel, scriptedPeer } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

/** Sends hello, answers each message, pings after 10 s, gives up after 30 s, ends when it is asked to quit. */
class Polite implements Handler {
  channelActive(ctx: Context): void {
    ctx.writeAndFlush(Buffer.from('HELLO\n'));
    ctx.clock.schedule(() => ctx.writeAndFlush(Buffer.from('PING\n')), 10_000);
    ctx.clock.schedule(() => ctx.close('timeout'), 30_000);
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    const text = bytes.toString();
    if (text === 'bug') throw new Error('a bug');
    if (text === 'quit') {
      ctx.write(Buffer.from('BYE\n'));
      ctx.channel.end({ reason: 'local' });
    } else ctx.write(Buffer.from(`re: ${text}\n`));
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
  }
}

const open = () => {
  const channel = new EmbeddedChannel(new Polite());
  return { channel, peer: scriptedPeer(channel) };
};

describe('a script that is followed', () => {
  it('goes through: expect, deliver, wait, end', () => {
    const { peer } = open();
    peer
      .expect('HELLO\n')
      .deliver('one', 'two')
      .expect('re: one\nre: two\n')
      .wait(10_000)
      .expect('PING\n')
      .expectNothing()
      .deliver('quit')
      .expect('BYE\n')
      .expectEnd()
      .end()
      .expectClose('local');
  });

  it('does not care how bytes are cut into writes', () => {
    const { peer } = open();
    peer
      .expect('HEL', 'LO\n')
      .deliver('one', 'two')
      .expect('re: ', Buffer.from('one\nre: t'), 'wo\n');
  });

  it('knows resets, closes and errors', () => {
    const first = open();
    first.peer.expect('HELLO\n').reset().expectError('HR_ERR_CHANNEL_RESET').expectClose('reset');
    const second = open();
    second.peer.expect('HELLO\n').wait(30_000).expect('PING\n').expectClose('timeout');
    const third = open();
    third.peer
      .expect('HELLO\n')
      .deliver('bug')
      .expectError(/^a bug$/)
      .expectNothing();
  });

  it('compares messages that are not bytes by value, and delivers text as text if asked to', () => {
    const channel = new EmbeddedChannel({
      channelRead: (ctx, message) => void ctx.writeAndFlush({ got: message }),
    } satisfies Handler);
    scriptedPeer(channel, { textAsBytes: false })
      .deliver('a')
      .expect({ got: 'a' })
      .deliver('b', 'c')
      .expect({ got: 'b' }, { got: 'c' });
  });
});

describe('anything else fails, with the step', () => {
  it.each<[string, (peer: ReturnType<typeof open>['peer']) => unknown, RegExp]>([
    ['other bytes', (peer) => peer.expect('HOWDY\n'), /step 1 .*"HOWDY\\n".*"HELLO\\n"/],
    ['too few bytes', (peer) => peer.expect('HELLO\nAND MORE'), /"HELLO\\n" was/],
    ['nothing at all', (peer) => peer.expect('HELLO\n').expect('X'), /step 2 .*nothing was/],
    ['delivering before what was sent is expected', (peer) => peer.deliver('x'), /"HELLO\\n"/],
    ['waiting before what was sent is expected', (peer) => peer.wait(1), /time to pass.*HELLO/],
    ['something while nothing is expected', (peer) => peer.expectNothing(), /sent "HELLO\\n"/],
    ['an end that does not come', (peer) => peer.expect('HELLO\n').expectEnd(), /has not/],
    ['a close that does not come', (peer) => peer.expect('HELLO\n').expectClose(), /is open$/],
    [
      'an end where a close is expected',
      (peer) => peer.expect('HELLO\n').deliver('quit').expect('BYE\n').expectClose(),
      /ended its half.*expectEnd\(\), then end\(\)/,
    ],
    [
      'a close for another reason',
      (peer) => peer.expect('HELLO\n').end().expectClose('idle'),
      /as idle, but closed as peer/,
    ],
    [
      'delivering to a closed channel',
      (peer) => peer.expect('HELLO\n').end().deliver('x'),
      /step 3 .*closed \(peer\)/,
    ],
    ['an error that does not come', (peer) => peer.expectError('x'), /there was none/],
    [
      'another error',
      (peer) => peer.expect('HELLO\n').deliver('bug').expectError('x'),
      /it was a bug/,
    ],
    [
      'an error that is not expected',
      (peer) => peer.expect('HELLO\n').deliver('bug').wait(1),
      /a bug/,
    ],
  ])('%s', (_name, script, message) => {
    expect(() => script(open().peer)).toThrow(message);
  });

  it('shows bytes that are not text in hex', () => {
    const channel = new EmbeddedChannel();
    channel.writeAndFlush(Buffer.from([0, 1, 2]));
    expect(() => scriptedPeer(channel).expect('abc')).toThrow(/"abc".*<000102>/);
  });
});
