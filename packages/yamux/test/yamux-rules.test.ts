import type { Channel } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { YamuxHandler, type YamuxOptions } from '@headrace/yamux';
import { describe, expect, it } from 'vitest';
import { SubstreamProbe } from './yamux-pair.ts';

const [DATA, UPDATE, PING, GO_AWAY] = [0, 1, 2, 3] as const;
const [SYN, ACK, FIN, RST] = [1, 2, 4, 8] as const;
const WINDOW = 256 * 1024;
const PROTOCOL_ERROR = frame(GO_AWAY, 0, 0, 1);

function frame(type: number, flags: number, id: number, length: number, version = 0): Buffer {
  const bytes = Buffer.alloc(12);
  bytes[0] = version;
  bytes[1] = type;
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt32BE(id, 4);
  bytes.writeUInt32BE(length, 8);
  return bytes;
}

const data = (id: number, text: string | Buffer, flags = 0) =>
  Buffer.concat([frame(DATA, flags, id, text.length), Buffer.from(text)]);

/** The server's end, whose peer is the test. */
function server(options: Partial<YamuxOptions> = {}) {
  const substreams: Channel[] = [];
  const probes: SubstreamProbe[] = [];
  const errors: Error[] = [];
  const handler = new YamuxHandler({
    role: 'server',
    childHandler: (channel) => {
      const probe = new SubstreamProbe();
      substreams.push(channel);
      probes.push(probe);
      channel.pipeline.addLast(probe);
    },
    ...options,
  });
  const channel = new EmbeddedChannel(handler, {
    exceptionCaught: (_ctx, error) => void errors.push(error),
  });
  const sent = () => {
    const frames: Buffer[] = [];
    for (let one = channel.readOutbound(Buffer); one !== undefined; ) {
      frames.push(one);
      one = channel.readOutbound(Buffer);
    }
    return Buffer.concat(frames).toString('hex');
  };
  const gives = (...frames: Buffer[]) => {
    sent();
    for (const bytes of frames) channel.writeInbound(bytes);
    return sent();
  };
  return { handler, channel, substreams, probes, errors, gives, sent };
}

const hex = (...frames: Buffer[]) => Buffer.concat(frames).toString('hex');
const opened = frame(UPDATE, SYN, 1, 0);

describe('frames of a substream that was never opened', () => {
  it.each([
    ['data', data(3, 'x')],
    ['more data than any window', frame(DATA, 0, 3, 2 * WINDOW), Buffer.alloc(2 * WINDOW)],
    ['data with an end', data(3, 'x', FIN)],
    ['data with a reset', data(3, 'x', RST)],
    ['data with a number of this end', data(2, 'x')],
    ['credit', frame(UPDATE, 0, 3, 5)],
    ['too much credit', frame(UPDATE, 0, 3, 0xffff_ffff)],
    ['an end', frame(UPDATE, FIN, 3, 0)],
    ['a reset of a number of this end', frame(UPDATE, RST, 2, 0)],
    ['an acknowledgement', frame(UPDATE, ACK, 2, 0)],
  ] as readonly [string, ...Buffer[]][])(
    'are dropped without an answer, as Go does: %s',
    (_what, ...frames) => {
      const { handler, channel, errors, gives, probes, substreams } = server();
      gives(opened);
      expect(gives(...frames, ...frames, ...frames)).toBe('');
      expect([errors, channel.isActive, handler.size]).toEqual([[], true, 1]);
      // The connection and its other substreams go on, and the number can be used.
      gives(data(1, 'still'), frame(UPDATE, SYN, 3, 0), data(3, 'here'));
      channel.runPendingTasks();
      expect(substreams).toHaveLength(2);
      expect(probes.map(({ text }) => text)).toEqual(['still', 'here']);
    },
  );
});

describe('a peer that breaks the rules', () => {
  const cases: readonly [what: string, ...frames: Buffer[]][] = [
    ['of version 1', frame(PING, SYN, 0, 1, 1)],
    ['of type 4', frame(4, 0, 0, 0)],
    ['the number 0', frame(DATA, SYN, 0, 0)],
    ['a number of this end', frame(UPDATE, SYN, 2, 0)],
    ['substream 1 is opened again', opened, opened],
    ['more than its window', opened, frame(DATA, 0, 1, WINDOW + 1)],
    ['after its end', frame(UPDATE, SYN | FIN, 1, 0), data(1, 'x')],
    ['a window of more than', opened, frame(UPDATE, 0, 1, 0xffff_ffff)],
  ];

  for (const [what, ...frames] of cases) {
    it(`gets a go away, and loses the connection: ${what}`, () => {
      const { handler, channel, errors, gives, probes } = server({
        childOptions: { allowHalfOpen: true },
      });
      // Input behind it is not read.
      const answer = gives(Buffer.concat([...frames, data(9, 'x', SYN)]));
      expect(probes.some(({ text }) => text === 'x')).toBe(false);
      expect(handler.size).toBe(0);
      expect(answer.endsWith(PROTOCOL_ERROR.toString('hex'))).toBe(true);
      expect(errors.map((error) => (error as Error & { code: string }).code)).toEqual([
        'HR_ERR_MESSAGE_INVALID',
      ]);
      expect(errors[0]!.message).toContain(what);
      expect(channel.closeInfo?.reason).toBe('bad-input');
      for (const { events } of probes) expect(events.at(-1)).toBe('inactive bad-input by peer');
    });
  }

  it('is held to the window in which it has sent already', () => {
    const { substreams, gives, errors } = server();
    gives(opened);
    substreams[0]!.holdReads('test');
    const most = Buffer.alloc(WINDOW - 1);
    expect(gives(data(1, most), data(1, 'x'))).toBe('');
    gives(data(1, 'y'));
    expect(errors.length).toBe(1);
  });
});

describe('frames', () => {
  it('may be cut anywhere', () => {
    const { channel, gives, probes } = server();
    const all = hex(opened, data(1, 'hello '), frame(PING, SYN, 0, 9), data(1, 'world', FIN));
    const bytes = [...Buffer.from(all, 'hex')].map((byte) => Buffer.from([byte]));
    expect(gives(...bytes)).toBe(
      hex(frame(UPDATE, ACK, 1, 0), frame(PING, ACK, 0, 9), frame(UPDATE, FIN, 1, 0)),
    );
    expect(probes[0]!.text).toBe('hello world');
    expect(probes[0]!.events).toEqual(['inactive peer by peer']);
    expect(channel.isOpen).toBe(true);
  });

  it('open a substream with its first bytes', () => {
    const { gives, probes } = server();
    gives(data(1, 'first', SYN));
    expect(probes[0]!.text).toBe('first');
  });

  it('open substreams in any order', () => {
    const { gives, probes } = server();
    gives(frame(UPDATE, SYN, 5, 0), opened, data(1, 'one'), data(5, 'five'));
    expect(probes.map(({ text }) => text)).toEqual(['five', 'one']);
  });

  it('give credit back when half of the window was read', () => {
    const { gives, probes } = server();
    gives(opened);
    const quarter = Buffer.alloc(WINDOW / 4);
    expect(gives(data(1, quarter))).toBe('');
    expect(gives(data(1, quarter))).toBe(hex(frame(UPDATE, 0, 1, WINDOW / 2)));
    expect(probes[0]!.bytes).toBe(WINDOW / 2);
  });

  it('of a substream that is over are dropped, and answered once', () => {
    const { channel, gives, sent, substreams, handler } = server();
    gives(opened);
    channel.run(() => substreams[0]!.close());
    expect(sent()).toBe(hex(frame(UPDATE, FIN, 1, 0)));
    expect(gives(frame(UPDATE, 0, 1, 10))).toBe('');
    expect(handler.size).toBe(0);
    const late = [data(1, 'late'), data(1, 'later'), frame(UPDATE, FIN, 1, 0)];
    expect(gives(...late)).toBe(hex(frame(UPDATE, RST, 1, 0)));
  });

  it.each([
    ['credit', frame(UPDATE, 0, 1, 10)],
    ['an end', frame(UPDATE, FIN, 1, 0)],
    ['a reset', frame(UPDATE, RST, 1, 0)],
  ])('are dropped as credit, an end or a reset of a substream that is over: %s', (_what, late) => {
    const { channel, gives, sent, substreams, errors } = server();
    gives(opened);
    channel.run(() => substreams[0]!.close());
    sent();
    expect(gives(late, late)).toBe('');
    expect([errors, channel.isActive]).toEqual([[], true]);
  });

  it.each([
    ['an unknown flag', frame(UPDATE, 0x8000, 1, 0)],
    ['an answer to a ping that was not sent', frame(PING, ACK, 0, 7)],
  ])('change nothing: %s', (_what, ignored) => {
    const { channel, gives, errors, probes } = server();
    gives(opened);
    expect(gives(ignored, ignored)).toBe('');
    gives(data(1, 'still'));
    expect([errors, channel.isActive, probes[0]!.text]).toEqual([[], true, 'still']);
  });

  it.each([0, 1, 2, 77])('report a go away of any code, and substreams continue: %d', (code) => {
    const { channel, gives, errors, probes } = server();
    const events: unknown[] = [];
    channel.pipeline.addLast({ userEventTriggered: (_ctx, event) => void events.push(event) });
    gives(opened, frame(GO_AWAY, 0, 0, code), data(1, 'still'));
    expect(events).toMatchObject([{ code }]);
    expect([errors, probes[0]!.text]).toEqual([[], 'still']);
  });

  it('take a ping and a go away with the number of a substream as those of the session', () => {
    const { gives, errors, handler } = server();
    gives(opened);
    expect(gives(frame(PING, SYN, 1, 7))).toBe(hex(frame(PING, ACK, 0, 7)));
    gives(frame(GO_AWAY, 0, 1, 0), data(1, 'still'));
    expect([errors, handler.size]).toEqual([[], 1]);
  });

  it('of a substream that is over are no more than its window', () => {
    const { gives, substreams, errors } = server();
    gives(opened, data(1, 'hello'));
    substreams[0]!.abort();
    gives(data(1, Buffer.alloc(WINDOW - 5)));
    expect(errors).toEqual([]);
    gives(data(1, 'x'));
    expect(errors[0]!.message).toContain('more than the windows of those that closed');
  });

  it('of a substream that was refused are dropped', () => {
    const { gives, errors } = server({ maxSubstreams: 1 });
    gives(opened);
    const refused = frame(UPDATE, RST, 3, 0);
    expect(gives(data(3, 'x', SYN), data(3, Buffer.alloc(WINDOW - 1)))).toBe(hex(refused));
    expect(errors).toEqual([]);
  });

  it('reset a substream whose bytes are not read, though its own half has ended', () => {
    const { channel, gives, sent, substreams, handler } = server({
      childOptions: { allowHalfOpen: true },
    });
    gives(opened);
    substreams[0]!.holdReads('test');
    channel.run(() => void substreams[0]!.shutdown('output'));
    expect(sent()).toBe(hex(frame(UPDATE, FIN, 1, 0)));
    // The peer waits for credit: it sends nothing more that could be answered.
    gives(data(1, Buffer.alloc(WINDOW)));
    channel.run(() => substreams[0]!.close());
    expect([sent(), handler.size]).toEqual([hex(frame(UPDATE, RST, 1, 0)), 0]);
  });

  it('reset a substream that is over when the rest of a body comes, once', () => {
    const { channel, gives, sent, substreams } = server();
    const body = data(1, 'unread');
    gives(opened, body.subarray(0, 14));
    channel.run(() => substreams[0]!.close());
    expect(sent()).toBe(hex(frame(UPDATE, FIN, 1, 0)));
    const rest = [body.subarray(14, 16), body.subarray(16)];
    expect(gives(...rest)).toBe(hex(frame(UPDATE, RST, 1, 0)));
  });

  it('say nothing of a substream that the peer has reset', () => {
    const { channel, gives, sent, substreams } = server();
    gives(opened);
    channel.run(() => {
      substreams[0]!.close();
      channel.writeInbound(frame(UPDATE, RST, 1, 0));
    });
    expect(sent()).toBe('');
  });

  it('open nothing when the connection is over', () => {
    let count = 0;
    const { channel, gives } = server({
      childHandler: () => {
        count += 1;
        channel.pipeline.remove(YamuxHandler);
      },
    });
    gives(Buffer.concat([opened, frame(UPDATE, SYN, 3, 0), frame(UPDATE, SYN, 5, 0)]));
    expect(count).toBe(1);
  });

  it('reset a substream whose bytes are not read', () => {
    const { channel, gives, sent, substreams } = server();
    gives(opened);
    substreams[0]!.holdReads('test');
    gives(data(1, 'unread'));
    channel.run(() => substreams[0]!.close());
    expect(sent()).toBe(hex(frame(UPDATE, RST, 1, 0)));
  });
});

it('takes hardly more memory than the bytes of many small frames', () => {
  const { channel, gives, substreams, probes } = server();
  gives(opened);
  const hold = substreams[0]!.holdReads('test');
  const small = data(1, 'x');
  gives(Buffer.concat(Array.from({ length: 10_000 }, () => small)));
  expect(probes[0]!.bytes).toBe(0);
  channel.run(() => hold.release());
  expect(probes[0]!.parts.map(({ length }) => length)).toEqual([10_000]);
});
