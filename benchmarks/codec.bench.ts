// Are decoders linear, whatever the cut? A 64 MiB frame in 1 KiB reads against a plain copy of the same
// reads; frames in one-byte reads, twice as many in twice the time; and the cost of small frames.
// npm run build && node --expose-gc --import ./scripts/register.mjs benchmarks/codec.bench.ts
import {
  type ByteToMessageDecoder,
  DelimiterFrameDecoder,
  FixedLengthFrameDecoder,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  VarintFrameDecoder,
} from '@headrace/codec';
import { EmbeddedChannel } from '@headrace/core/testing';

const MIB = 1024 * 1024;
const BIG = 64 * MIB;
const READ = 1024;
const ROUNDS = 7;
const ALLOWED = 3;

type Make = () => ByteToMessageDecoder<Buffer>;

class CountingChannel extends EmbeddedChannel {
  declare frames: number;

  protected override handleInboundMessage(): void {
    this.frames = (this.frames ?? 0) + 1;
  }
}

/** CPU milliseconds of this process: others on the machine do not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function feed(make: Make, chunks: readonly Buffer[]): { ms: number; frames: number } {
  const channel = new CountingChannel(make());
  const start = cpuMs();
  for (const chunk of chunks) {
    channel.received(chunk);
    channel.readComplete();
  }
  return { ms: cpuMs() - start, frames: channel.frames ?? 0 };
}

function best<T extends { readonly ms: number }>(run: () => T): T {
  let fastest = run();
  for (let round = 1; round < ROUNDS; round++) {
    globalThis.gc?.();
    fastest = faster(fastest, run());
  }
  return fastest;
}

function faster<T extends { readonly ms: number }>(one: T, other: T): T {
  return other.ms < one.ms ? other : one;
}

function readsOf(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  // Own memory for each, as a transport gives it.
  for (let at = 0; at < bytes.length; at += size) {
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
  }
  return chunks;
}

function plainCopy(chunks: readonly Buffer[], total: number): { ms: number } {
  const start = cpuMs();
  const target = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (const chunk of chunks) {
    target.set(chunk, at);
    at += chunk.length;
  }
  return { ms: cpuMs() - start };
}

const body = Buffer.alloc(BIG, 0x61);
const header = Buffer.alloc(4);
header.writeUInt32BE(BIG);
const unlimited = { maxFrameLength: 2 * BIG, frameTimeoutMs: false } as const;

const bigFrames: readonly [string, Make, Buffer][] = [
  [
    'LengthFieldFrameDecoder',
    () => new LengthFieldFrameDecoder({ ...unlimited, lengthFieldLength: 4 }),
    Buffer.concat([header, body]),
  ],
  [
    'VarintFrameDecoder',
    () => new VarintFrameDecoder(unlimited),
    Buffer.concat([Buffer.from('80808020', 'hex'), body]),
  ],
  [
    'FixedLengthFrameDecoder',
    () => new FixedLengthFrameDecoder({ frameLength: BIG, frameTimeoutMs: false }),
    body,
  ],
  [
    'LineFrameDecoder',
    () => new LineFrameDecoder({ maxLength: 2 * BIG, frameTimeoutMs: false }),
    Buffer.concat([body, Buffer.from('\n')]),
  ],
  [
    'DelimiterFrameDecoder',
    () => new DelimiterFrameDecoder({ ...unlimited, delimiters: ['||', '\0'] }),
    Buffer.concat([body, Buffer.from('||')]),
  ],
];

console.log(`a frame of 64 MiB in reads of 1 KiB, best of ${ROUNDS}:`);
for (const [name, make, stream] of bigFrames) {
  const chunks = readsOf(stream, READ);
  let copy = plainCopy(chunks, stream.length);
  let run = feed(make, chunks);
  // In turns, so that both meet the same moments of the machine.
  for (let round = 1; round < ROUNDS; round++) {
    globalThis.gc?.();
    copy = faster(copy, plainCopy(chunks, stream.length));
    globalThis.gc?.();
    run = faster(run, feed(make, chunks));
  }
  if (run.frames !== 1) throw new Error(`${name}: ${run.frames} frames`);
  const factor = run.ms / copy.ms;
  const verdict = factor <= ALLOWED ? 'ok' : `more than ${ALLOWED} times`;
  console.log(
    `  ${name.padEnd(26)} ${run.ms.toFixed(1).padStart(7)} ms, a plain copy ${copy.ms.toFixed(1)} ms: ` +
      `${factor.toFixed(2)} times, ${verdict}`,
  );
  if (factor > ALLOWED) process.exitCode = 1;
}

const dripped: readonly [string, Make, string][] = [
  [
    'LengthFieldFrameDecoder',
    () => new LengthFieldFrameDecoder({ ...unlimited, lengthFieldLength: 4 }),
    `\0\0\x0f\xa0${'a'.repeat(4000)}`,
  ],
  [
    'LineFrameDecoder',
    () => new LineFrameDecoder({ maxLength: 8192, frameTimeoutMs: false }),
    `${'a'.repeat(4000)}\n`,
  ],
  [
    'DelimiterFrameDecoder',
    () => new DelimiterFrameDecoder({ ...unlimited, delimiters: ['||', '\0'] }),
    `${'a'.repeat(4000)}||`,
  ],
  [
    'JsonObjectDecoder',
    () => new JsonObjectDecoder({ frameTimeoutMs: false }),
    `{"${'a'.repeat(4000)}":1}`,
  ],
];

console.log('frames of 4 KB in reads of one byte, n and 2n frames (2.0 is linear):');
for (const [name, make, frame] of dripped) {
  const once = readsOf(Buffer.from(frame.repeat(50), 'latin1'), 1);
  const one = best(() => feed(make, once));
  const two = best(() => feed(make, [...once, ...once]));
  const perByte = (one.ms * 1e6) / once.length;
  console.log(
    `  ${name.padEnd(26)} ${perByte.toFixed(0).padStart(5)} ns a byte, ${(two.ms / one.ms).toFixed(2)} times for twice as many`,
  );
}

/** One frame of n bytes and one of 4n, byte by byte: the time of a byte must not depend on the frame. */
console.log('one frame in reads of one byte, 16 KB and 256 KB (1.0 is linear):');
for (const [name, make, frame] of dripped.slice(1)) {
  const nsPerByte = (size: number): number => {
    const text = frame.replace('a'.repeat(4000), 'a'.repeat(size));
    const long =
      name === 'LineFrameDecoder' ? () => new LineFrameDecoder({ maxLength: MIB }) : make;
    const chunks = readsOf(Buffer.from(text, 'latin1'), 1);
    return (best(() => feed(long, chunks)).ms * 1e6) / chunks.length;
  };
  console.log(`  ${name.padEnd(26)} ${(nsPerByte(256 * 1024) / nsPerByte(16 * 1024)).toFixed(2)}`);
}

const small: readonly [string, Make, string][] = [
  [
    'LengthFieldFrameDecoder',
    () =>
      new LengthFieldFrameDecoder({
        maxFrameLength: 65_536,
        lengthFieldLength: 4,
        initialBytesToStrip: 4,
      }),
    `\0\0\0\x20${'a'.repeat(32)}`,
  ],
  [
    'VarintFrameDecoder',
    () => new VarintFrameDecoder({ maxFrameLength: 65_536 }),
    `\x20${'a'.repeat(32)}`,
  ],
  ['LineFrameDecoder', () => new LineFrameDecoder(), `${'a'.repeat(32)}\n`],
  [
    'DelimiterFrameDecoder',
    () => new DelimiterFrameDecoder({ delimiters: ['||'], maxFrameLength: 100 }),
    `${'a'.repeat(32)}||`,
  ],
  ['JsonObjectDecoder', () => new JsonObjectDecoder(), `{"key":"${'a'.repeat(20)}"}`],
];

console.log('frames of 32 bytes, the pipeline included:');
for (const [name, make, frame] of small) {
  for (const [how, perRead] of [
    ['one a read', 1],
    ['1,000 a read', 1000],
  ] as const) {
    const reads = 200_000 / perRead;
    const chunks = new Array<Buffer>(reads).fill(Buffer.from(frame.repeat(perRead), 'latin1'));
    const run = best(() => feed(make, chunks));
    console.log(
      `  ${name.padEnd(26)} ${how.padEnd(12)} ${((run.ms * 1e6) / run.frames).toFixed(0).padStart(5)} ns a frame`,
    );
  }
}
