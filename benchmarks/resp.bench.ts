// How fast is RESP? Pipelined commands per second, answers per second; and whether decoding is linear: a
// 64 MiB string in 1 KiB reads against a plain copy, one command in one-byte reads, twice as long in twice
// the time.
import { encodeResp, RespDecoder, RespSimple } from '@headrace/codec';
import { EmbeddedChannel } from '@headrace/core/testing';

const MIB = 1024 * 1024;
const BIG = 64 * MIB;
const ROUNDS = 5;
const ALLOWED = 3;
const limits = { maxBulkBytes: 2 * BIG, maxMessageBytes: 2 * BIG, frameTimeoutMs: false } as const;

class CountingChannel extends EmbeddedChannel {
  declare count: number;

  protected override handleInboundMessage(): void {
    this.count = (this.count ?? 0) + 1;
  }
}

/** CPU milliseconds of this process: others on the machine do not count. */
function cpuMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function best(run: () => void): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    fastest = Math.min(fastest, cpuMs(run));
  }
  return fastest;
}

function decode(chunks: readonly Buffer[], expected: number): void {
  const channel = new CountingChannel(new RespDecoder(limits));
  for (const chunk of chunks) {
    channel.received(chunk);
    channel.readComplete();
  }
  if (channel.count !== expected) throw new Error(`${channel.count} messages, not ${expected}`);
}

/** Own memory for each read, as a transport gives it. */
function readsOf(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
  }
  return chunks;
}

const set = encodeResp(['SET', 'key:000000000001', 'xxx']);
const burst = Buffer.concat(Array.from({ length: 1000 }, () => set));
const bursts = Array.from({ length: 500 }, () => burst);
const decodeMs = best(() => decode(bursts, 500_000));
console.log(`decodes ${Math.round(500_000 / decodeMs)} thousand SET commands per CPU second`);

const answers = [RespSimple.OK, Buffer.from('xxx'), 1, 'hello', ['a', 1]];
const encodeMs = best(() => {
  for (let at = 0; at < 500_000; at++) encodeResp(answers[at % answers.length]!);
});
console.log(`encodes ${Math.round(500_000 / encodeMs)} thousand answers per CPU second`);

const chunks = readsOf(encodeResp(Buffer.alloc(BIG, 0x61)), 1024);
const copyMs = best(() => {
  const target = Buffer.allocUnsafeSlow(BIG + MIB);
  let at = 0;
  for (const chunk of chunks) {
    target.set(chunk, at);
    at += chunk.length;
  }
});
const bigMs = best(() => decode(chunks, 1));
const factor = bigMs / copyMs;
const verdict = factor <= ALLOWED ? 'ok' : `more than ${ALLOWED} times`;
console.log(
  `64 MiB in reads of 1 KiB: ${bigMs.toFixed(1)} ms, a plain copy ${copyMs.toFixed(1)} ms: ${factor.toFixed(2)} times, ${verdict}`,
);
if (factor > ALLOWED) process.exitCode = 1;

const dripMs = (count: number): number => {
  const one = encodeResp(Array.from({ length: count }, () => 'abcdefgh'));
  const reads = readsOf(one, 1);
  return best(() => decode(reads, 1));
};
const [once, twice] = [dripMs(10_000), dripMs(20_000)];
const growth = twice / once;
console.log(
  `in reads of one byte: ${once.toFixed(0)} ms, twice as long ${twice.toFixed(0)} ms: ${growth.toFixed(2)} times`,
);
if (growth > ALLOWED) process.exitCode = 1;
