import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import { deflateRawSync } from 'node:zlib';
import { isHeadraceError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';
import { SEED } from '../../../core/test/fixture/seed.ts';
import { type FrameListener, FrameReader } from '../../src/socket/frame-reader.ts';
import { type MessageDeflate, WindowDeflate } from '../../src/socket/message-deflate.ts';
import type { ReadLimits } from '../../src/socket/message-limits.ts';
import { clientFrame, textFrame } from './client-frame.ts';

/** Exported by the library, and left out of its types. */
const { Receiver } = ws as unknown as {
  readonly Receiver: new (
    options: object,
  ) => Writable & {
    createError(...args: unknown[]): Error;
  };
};

const LIMITS = { maxMessageBytes: 100_000, maxFragments: 8 };

/** What was read, one line for each, as text. */
function recorder(events: string[], inflated: () => void = () => {}): FrameListener {
  return {
    isTaking: true,
    arrived: (message) => {
      const kind = typeof message === 'string' ? 'text' : 'bytes';
      events.push(`${kind} ${Buffer.from(message as string).toString('hex')}`);
    },
    pinged: (payload) => void events.push(`ping ${payload.toString('hex')}`),
    ponged: () => {},
    closeRead: (code, reason) => void events.push(`close ${code} ${reason}`),
    broken: (error) => {
      if (!isHeadraceError(error)) throw error;
      events.push(`broken ${error.details['closeCode']}`);
    },
    inflated,
  };
}

function readAll(
  pieces: readonly Buffer[],
  limits: ReadLimits = LIMITS,
  isMasked: boolean = true,
): string[] {
  const events: string[] = [];
  const reader = new FrameReader(limits, isMasked, recorder(events));
  for (const piece of pieces) reader.receive(Buffer.from(piece));
  return events;
}

/** A number from 0 to below `below`, always the same for a seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function pick<T>(random: (below: number) => number, from: readonly T[]): T {
  return from[random(from.length)]!;
}

function cut(bytes: Buffer, random: (below: number) => number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = at + 1 + random(pick(random, [2, 20, 100_000]));
    pieces.push(bytes.subarray(at, next));
    at = next;
  }
  return pieces;
}

/** A masked binary frame with these bytes in place of its length. */
function withLength(length: string, bytes: number): Buffer {
  return Buffer.concat([Buffer.from(`82${length}00000000`, 'hex'), Buffer.alloc(bytes)]);
}

describe('the reader of frames', () => {
  it.each([0, 1, 3, 125, 126, 127, 128, 131, 65_535, 65_536, 70_001])(
    'takes the mask off a payload of %i bytes, wherever it lies in memory',
    (length) => {
      const payload = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0xff));
      for (let before = 0; before < 4; before++) {
        const read: unknown[] = [];
        const listener = {
          ...recorder([]),
          arrived: (message: unknown) => void read.push(message),
        };
        const frame = clientFrame({ first: 0x82, payload });
        const memory = Buffer.alloc(before + frame.length);
        frame.copy(memory, before);
        new FrameReader(LIMITS, true, listener).receive(memory.subarray(before));
        expect(payload.equals(read[0] as Buffer)).toBe(true);
      }
    },
  );

  it.each(['', 'a', 'é', 'x'.repeat(200), `${'x'.repeat(199)}é`, '\u{1f600}', '\0\x7f'])(
    'reads the text %j',
    (text) => {
      expect(readAll([textFrame(text)])).toEqual([`text ${Buffer.from(text).toString('hex')}`]);
    },
  );

  it('reads several messages of one piece, and one of many pieces', () => {
    const bytes = Buffer.concat([
      textFrame('one'),
      clientFrame({ first: 0x01, payload: Buffer.from('t') }),
      clientFrame({ first: 0x89, payload: Buffer.from('p') }),
      clientFrame({ first: 0x00, payload: Buffer.from('w') }),
      clientFrame({ first: 0x80, payload: Buffer.from('o') }),
      clientFrame({ first: 0x82, payload: Buffer.alloc(70_000, 1) }),
      clientFrame({ first: 0x88, payload: Buffer.from([0x03, 0xe8, 0x62]) }),
    ]);
    const whole = readAll([bytes]);
    expect(whole.map((event) => event.slice(0, 16))).toEqual([
      'text 6f6e65',
      'ping 70',
      'text 74776f',
      'bytes 0101010101',
      'close 1000 b',
    ]);
    expect(readAll(Array.from(bytes, (byte) => Buffer.of(byte)))).toEqual(whole);
  });

  const wrong: readonly (readonly [string, Buffer, number])[] = [
    ['no mask', clientFrame({ first: 0x81, mask: false }), 1002],
    ['the reserved bit 1 without compression', clientFrame({ first: 0xc1 }), 1002],
    ['the reserved bit 2', clientFrame({ first: 0xa1 }), 1002],
    ['the reserved bit 3', clientFrame({ first: 0x91 }), 1002],
    ['an unknown opcode of data', clientFrame({ first: 0x83 }), 1002],
    ['an unknown opcode of control', clientFrame({ first: 0x8b }), 1002],
    ['a continuation of nothing', clientFrame({ first: 0x80 }), 1002],
    [
      'a second beginning',
      Buffer.concat([clientFrame({ first: 1 }), clientFrame({ first: 1 })]),
      1002,
    ],
    ['a ping in fragments', clientFrame({ first: 0x09 }), 1002],
    ['a long ping', clientFrame({ first: 0x89, payload: Buffer.alloc(126) }), 1002],
    ['a length below 126 in two bytes', withLength('fe007d', 125), 1002],
    ['a length of two bytes in eight', withLength('ff000000000000ffff', 65_535), 1002],
    ['a length of no bytes in eight', withLength('ff0000000000000000', 0), 1002],
    ['half a close code', clientFrame({ first: 0x88, payload: Buffer.of(3) }), 1002],
    ['the close code 1005', clientFrame({ first: 0x88, payload: Buffer.of(3, 0xed) }), 1002],
    ['the close code 999', clientFrame({ first: 0x88, payload: Buffer.of(3, 0xe7) }), 1002],
    ['the close code 5000', clientFrame({ first: 0x88, payload: Buffer.of(0x13, 0x88) }), 1002],
    [
      'a reason that is not UTF-8',
      clientFrame({ first: 0x88, payload: Buffer.of(3, 0xe8, 0xff) }),
      1007,
    ],
    ['a text that is not UTF-8', clientFrame({ first: 0x81, payload: Buffer.of(0xc3) }), 1007],
    [
      'a message longer than allowed',
      clientFrame({ first: 0x82, payload: Buffer.alloc(100_001) }),
      1009,
    ],
    [
      'fragments longer than allowed',
      Buffer.concat([
        clientFrame({ first: 0x02, payload: Buffer.alloc(60_000) }),
        clientFrame({ first: 0x80, payload: Buffer.alloc(60_000) }),
      ]),
      1009,
    ],
    [
      'too many fragments',
      Buffer.concat(Array.from({ length: 9 }, (_, i) => clientFrame({ first: i === 0 ? 2 : 0 }))),
      1008,
    ],
  ];

  it.each(wrong)('refuses %s, and reads nothing after it', (_, bytes, code) => {
    expect(readAll([Buffer.concat([bytes, textFrame('late')])])).toEqual([`broken ${code}`]);
    expect(readAll([...Array.from(bytes, (byte) => Buffer.of(byte)), textFrame('late')])).toEqual([
      `broken ${code}`,
    ]);
  });

  it('refuses a mask on a frame of a server, and reads all lengths without one', () => {
    expect(readAll([textFrame('masked')], LIMITS, false)).toEqual(['broken 1002']);
    for (const text of ['', 'plain', 'é', 'x'.repeat(200), `${'x'.repeat(70_000)}é`]) {
      const frame = clientFrame({ first: 0x81, payload: Buffer.from(text), mask: false });
      const hex = Buffer.from(text).toString('hex');
      expect(readAll([frame], LIMITS, false)).toEqual([`text ${hex}`]);
      expect(readAll([frame.subarray(0, 3), frame.subarray(3)], LIMITS, false)).toEqual([
        `text ${hex}`,
      ]);
    }
    const broken = clientFrame({ first: 0x81, payload: Buffer.of(0xc3), mask: false });
    expect(readAll([broken], LIMITS, false)).toEqual(['broken 1007']);
  });

  it('refuses a length as soon as it is known, however large', () => {
    const header = clientFrame({ first: 0x82, payload: Buffer.alloc(100_001) }).subarray(0, 10);
    expect(readAll([header])).toEqual(['broken 1009']);
    expect(readAll([Buffer.from([0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255])])).toEqual([
      'broken 1009',
    ]);
  });

  it('reads text whose character is cut by a fragment, and frames between', () => {
    const [a, b] = [Buffer.of(0xc3), Buffer.of(0xa9)];
    expect(
      readAll([clientFrame({ first: 1, payload: a }), clientFrame({ first: 0x80, payload: b })]),
    ).toEqual(['text c3a9']);
  });

  it('knows whether the rest of a message is awaited, and how many are whole', () => {
    const reader = new FrameReader(LIMITS, true, recorder([]));
    const seen: unknown[] = [];
    const receive = (bytes: Buffer) => {
      reader.receive(bytes);
      seen.push([reader.isWithin, reader.finished]);
    };
    receive(textFrame('whole'));
    receive(textFrame('half').subarray(0, 5));
    receive(textFrame('half').subarray(5));
    receive(clientFrame({ first: 0x01 }));
    receive(clientFrame({ first: 0x89 }));
    receive(clientFrame({ first: 0x80 }));
    expect(seen).toEqual([
      [false, 1],
      [true, 1],
      [false, 2],
      [true, 2],
      [true, 2],
      [false, 3],
    ]);
  });

  it('keeps no memory of a read alive by a fragment', () => {
    const read = Buffer.alloc(65_536);
    clientFrame({ first: 0x02, payload: Buffer.from('part') }).copy(read);
    const messages: unknown[] = [];
    const listener = {
      ...recorder([]),
      arrived: (message: unknown) => void messages.push(message),
    };
    const reader = new FrameReader(LIMITS, true, listener);
    reader.receive(read.subarray(0, 10));
    read.fill(0);
    reader.receive(clientFrame({ first: 0x80, payload: Buffer.from('ner') }));
    expect(String(messages[0])).toBe('partner');
  });

  it('keeps no memory of a read alive by a few frames that wait', () => {
    const read = Buffer.alloc(65_536);
    const payload = Buffer.alloc(3000, 'x');
    const frame = clientFrame({ first: 0x81, payload });
    frame.copy(read);
    const events: string[] = [];
    const listener = { ...recorder(events), isTaking: false };
    const reader = new FrameReader(LIMITS, true, listener);
    reader.receive(read.subarray(0, frame.length));
    expect([events, reader.isWaiting]).toEqual([[], true]);
    read.fill(0);
    listener.isTaking = true;
    reader.readOn();
    expect([events, reader.isWaiting]).toEqual([[`text ${payload.toString('hex')}`], false]);
  });
});

describe('the reader of frames, compared with that of the ws library', () => {
  /** Mostly proper frames, some with one thing wrong. */
  function someFrames(random: (below: number) => number, isMasked: boolean): Buffer {
    const frames: Buffer[] = [];
    let isWithin = false;
    for (let count = 1 + random(6); count > 0; count--) {
      const isControl = random(4) === 0;
      let first = isControl ? pick(random, [0x88, 0x89, 0x8a]) : isWithin ? 0 : 1 + random(2);
      if (!isControl) {
        isWithin = random(3) === 0;
        if (!isWithin) first |= 0x80;
      }
      if (random(12) === 0) first ^= 1 << random(8);
      const length = isControl ? random(20) : pick(random, [0, 1, 125, 126, 300, random(70_000)]);
      const payload = Buffer.alloc(length, pick(random, ['a', 'é', 'xyz']));
      if (random(9) === 0 && length > 0) payload[random(length)] = random(256);
      if ((first & 0x0f) === 8 && length > 1) payload.writeUInt16BE(990 + random(30));
      const isWrong = random(40) === 0;
      const mask = isWrong !== isMasked && [random(256), random(256), random(256), random(256)];
      frames.push(clientFrame({ first, payload, mask }));
    }
    const bytes = Buffer.concat(frames);
    return random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
  }

  function byLibrary(pieces: readonly Buffer[], isServer: boolean): string[] {
    const events: string[] = [];
    const receiver = new Receiver({ isServer, maxPayload: 50_000, maxFragments: 2 });
    const listener = recorder(events);
    let code: unknown;
    const { createError } = receiver;
    receiver.createError = (...args) => {
      code = args[3];
      return createError.apply(receiver, args);
    };
    receiver.on('error', () => {});
    receiver.on('message', (data: Buffer, isBinary: boolean) => {
      listener.arrived(isBinary ? data : String(data));
    });
    receiver.on('ping', (data: Buffer) => listener.pinged(data));
    receiver.on('conclude', (close: number, reason: Buffer) => {
      listener.closeRead(close, String(reason));
    });
    for (const piece of pieces) {
      if (code === undefined && receiver.writable) receiver.write(Buffer.from(piece));
    }
    if (code !== undefined) events.push(`broken ${code}`);
    return events;
  }

  it.each([
    ['a client', true],
    ['a server', false],
  ])('reads the same of %s', (_, isMasked) => {
    const kinds = new Set<string>();
    for (let seed = SEED; seed < SEED + 800; seed++) {
      const random = randomOf(seed);
      const bytes = someFrames(random, isMasked);
      const pieces = cut(bytes, random);
      const read = readAll(pieces, { maxMessageBytes: 50_000, maxFragments: 2 }, isMasked);
      for (const event of read)
        kinds.add(event.split(' ', event.startsWith('broken') ? 2 : 1).join());
      expect(read, `SEED=${seed}`).toEqual(byLibrary(pieces, isMasked));
    }
    expect([...kinds].sort()).toEqual([
      'broken,1002',
      'broken,1007',
      'broken,1008',
      'broken,1009',
      'bytes',
      'close',
      'ping',
      'text',
    ]);
  });
});

describe('compressed messages', () => {
  function deflateReader(limits: ReadLimits = LIMITS) {
    const events: string[] = [];
    const own = new WindowDeflate({
      windowBits: 15,
      keepsOwn: false,
      keepsPeer: true,
      maxMessageBytes: limits.maxMessageBytes,
    });
    let wake = () => {};
    const reader = new FrameReader(
      limits,
      true,
      recorder(events, () => wake()),
    );
    reader.deflate = own;
    const idle = async () => {
      while (reader.isInflating) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    return { events, reader, idle };
  }

  function compressed(text: string | Buffer): Buffer {
    return deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4);
  }

  it('are read in order, and what follows them waits', async () => {
    const { events, reader, idle } = deflateReader();
    const payload = compressed('hello');
    reader.receive(
      Buffer.concat([
        clientFrame({ first: 0xc1, payload }),
        textFrame('plain'),
        clientFrame({ first: 0x41, payload: compressed('again').subarray(0, 3) }),
        clientFrame({ first: 0x89 }),
      ]),
    );
    expect([reader.isInflating, reader.isWithin, events]).toEqual([true, false, []]);
    reader.receive(clientFrame({ first: 0x80, payload: compressed('again').subarray(3) }));
    await idle();
    const hex = (text: string) => `text ${Buffer.from(text).toString('hex')}`;
    expect(events).toEqual([hex('hello'), hex('plain'), 'ping ', hex('again')]);
  });

  it.each([
    ['inflate to more than allowed', compressed(Buffer.alloc(100_001)), 1009],
    ['are not compressed', Buffer.from([0xff, 0xff, 0xff]), 1002],
    ['are not UTF-8', compressed(Buffer.of(0xc3)), 1007],
  ])('that %s are refused, and nothing is read after them', async (_, payload, code) => {
    const { events, reader, idle } = deflateReader();
    reader.receive(Buffer.concat([clientFrame({ first: 0xc1, payload }), textFrame('late')]));
    await idle();
    reader.receive(textFrame('later'));
    expect(events).toEqual([`broken ${code}`]);
  });

  it('of the maximum length are read, although their compressed form is longer', async () => {
    const message = randomBytes(LIMITS.maxMessageBytes);
    const payload = compressed(message);
    expect(payload.length).toBeGreaterThan(message.length);
    const half = payload.length / 2;
    for (const frames of [
      [clientFrame({ first: 0xc2, payload })],
      [
        clientFrame({ first: 0x42, payload: payload.subarray(0, half) }),
        clientFrame({ first: 0x80, payload: payload.subarray(half) }),
      ],
    ]) {
      const { events, reader, idle } = deflateReader();
      for (const frame of frames) reader.receive(frame);
      await idle();
      expect(events).toEqual([`bytes ${message.toString('hex')}`]);
    }
  });

  it('are refused by the length of a form that no message within the limit has', () => {
    for (const [first, length, isRefused] of [
      [0xc2, 113_524, false],
      [0xc2, 113_525, true],
      [0x82, 100_000, false],
      [0x82, 100_001, true],
    ] as const) {
      const { events, reader } = deflateReader();
      const frame = clientFrame({ first, payload: Buffer.alloc(length) });
      reader.receive(frame.subarray(0, 20));
      expect(events, `${length}`).toEqual(isRefused ? ['broken 1009'] : []);
    }
  });

  it('count together what their fragments inflate to', async () => {
    const { events, reader, idle } = deflateReader();
    const half = deflateRawSync(Buffer.alloc(60_000), { finishFlush: 2 });
    reader.receive(clientFrame({ first: 0x42, payload: half }));
    reader.receive(clientFrame({ first: 0x80, payload: compressed(Buffer.alloc(60_000)) }));
    await idle();
    expect(events).toEqual(['broken 1009']);
  });

  it('that were inflated after the reader stopped are dropped', async () => {
    const inflated: (() => void)[] = [];
    const own: MessageDeflate = {
      ...({} as MessageDeflate),
      inflate: (bytes, done) => void inflated.push(() => done(null, bytes as Buffer)),
    };
    const events: string[] = [];
    const reader = new FrameReader(LIMITS, true, recorder(events));
    reader.deflate = own;
    reader.receive(clientFrame({ first: 0xc1, payload: Buffer.from('a') }));
    reader.stop();
    inflated[0]!();
    expect([events, reader.isInflating]).toEqual([[], false]);
  });
});
