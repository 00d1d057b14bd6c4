import {
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  LineFrameDecoder,
  lengthPrefixed,
  StreamingStringDecoder,
  VarintFrameDecoder,
  varintPrefixed,
} from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel, verifyDecoder } from '@headrace/core/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anyText } from '../../core/test/fixture/any-text.ts';
import type { LengthFieldWidth } from '../src/frame/length-field.ts';
import { NotingChannel, outcome } from './decoder-harness.ts';
import { cutInto, expectSameInAnyCut, readsOf, sizes } from './decoder-property.ts';
import { ALL_POLICIES, type DecoderTarget } from './decoder-target.ts';
import { targets as frames } from './targets/frames.ts';
import { targets as messages } from './targets/messages.ts';
import { targets as mqtt } from './targets/mqtt.ts';
import { targets as proxyProtocol } from './targets/proxy-protocol.ts';
import { targets as resp } from './targets/resp.ts';
import { targets as stomp } from './targets/stomp.ts';

const targets: readonly DecoderTarget[] = [
  ...frames,
  ...messages,
  ...mqtt,
  ...proxyProtocol,
  ...resp,
  ...stomp,
];

// Nobody looks at the stacks of a hundred thousand expected errors.
const { stackTraceLimit } = Error;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

describe.each(targets)('$name', (target) => {
  const { policies = ALL_POLICIES, limit, oneIn = 1 } = target;
  const limits = limit === undefined ? [] : [limit];

  it.each(policies)(
    'gives its messages, and errors about the input only, in any cut, with %s',
    (policy) => {
      fc.assert(
        fc.property(readsOf(target), (reads) => expectSameInAnyCut(target, policy, reads)),
        { numRuns: Math.ceil(100 / oneIn) },
      );
    },
  );

  it.each(limits)('holds no more than %i bytes between reads', (limit) => {
    fc.assert(
      fc.property(readsOf(target), (reads) => {
        const decoder = target.make('skip');
        const channel = new NotingChannel(decoder);
        for (const chunk of reads) channel.feed(chunk);
        channel.noted();
        channel.pipeline.removeIfExists(decoder);
        expect(channel.noted().join('').length).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 100 },
    );
  });
});

const bodies: fc.Arbitrary<Uint8Array[]> = fc.array(fc.uint8Array({ maxLength: 300 }), {
  minLength: 1,
  maxLength: 20,
});

/** What is written to these handlers comes back from them, in any cut. */
function expectIdentity(
  make: () => readonly Handler[],
  messages: readonly Uint8Array[],
  pieces: readonly number[],
): void {
  const out = new EmbeddedChannel(...make());
  out.writeOutbound(...messages);
  const encoded: Buffer[] = [];
  for (let one = out.readOutbound<Buffer>(); one !== undefined; ) {
    encoded.push(one);
    one = out.readOutbound<Buffer>();
  }
  const back = new EmbeddedChannel(...make());
  for (const chunk of cutInto(Buffer.concat(encoded), pieces)) back.writeInbound(chunk);
  for (const message of messages) {
    expect(Buffer.compare(back.readInbound<Buffer>() ?? Buffer.from('none'), message)).toBe(0);
  }
}

describe('what was encoded', () => {
  it('comes back from length fields of every width and byte order', () => {
    const config = fc.record({
      bytes: fc.constantFrom<LengthFieldWidth>(2, 3, 4, 8),
      byteOrder: fc.constantFrom<'big' | 'little'>('big', 'little'),
    });
    fc.assert(
      fc.property(bodies, sizes, config, (messages, pieces, { bytes, byteOrder }) => {
        const make = (): Handler[] => lengthPrefixed({ maxFrameLength: 300, bytes, byteOrder });
        expectIdentity(make, messages, pieces);
      }),
    );
  });

  it('comes back from length fields with adjustments that match', () => {
    fc.assert(
      fc.property(bodies, sizes, fc.integer({ min: -20, max: 20 }), (messages, pieces, by) => {
        const make = (): Handler[] => [
          new LengthFieldFrameDecoder({
            maxFrameLength: 400,
            lengthFieldLength: 4,
            lengthAdjustment: -by - 4,
            initialBytesToStrip: 4,
          }),
          new LengthFieldPrepender({
            lengthFieldLength: 4,
            lengthAdjustment: by,
            lengthIncludesLengthFieldLength: true,
          }),
        ];
        const long = messages.map((message) => Buffer.concat([message, Buffer.alloc(20)]));
        expectIdentity(make, long, pieces);
      }),
    );
  });

  it('comes back from varint lengths', () => {
    fc.assert(
      fc.property(bodies, sizes, (messages, pieces) => {
        expectIdentity(() => varintPrefixed({ maxFrameLength: 300 }), messages, pieces);
      }),
    );
  });
});

describe('verifyDecoder', () => {
  it('accepts the decoders that ship', () => {
    const hi = Buffer.from('hi');
    verifyDecoder(
      [
        { bytes: 'hi\n', messages: [hi] },
        { bytes: '\r\nhi\r\n', messages: [Buffer.alloc(0), hi] },
      ],
      () => new LineFrameDecoder(),
    );
    verifyDecoder(
      [
        { bytes: '\x02hi', messages: [hi] },
        { bytes: '\0\x01h', messages: [Buffer.alloc(0), Buffer.from('h')] },
      ],
      () => new VarintFrameDecoder({ maxFrameLength: 10 }),
    );
    verifyDecoder(
      [
        { bytes: '{"a":"}"} ', messages: [Buffer.from('{"a":"}"}')] },
        { bytes: '[1]', messages: [Buffer.from('[1]')] },
      ],
      () => new JsonObjectDecoder(),
    );
  });
});

describe('StreamingStringDecoder', () => {
  it('gives the same text in any cut', () => {
    fc.assert(
      fc.property(anyText, sizes, (text, pieces) => {
        const chunks = cutInto(Buffer.from(text), pieces);
        expect(outcome(new StreamingStringDecoder(), ...chunks).join('')).toBe(text);
      }),
    );
  });
});
