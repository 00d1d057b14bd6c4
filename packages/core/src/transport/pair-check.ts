import { Buffer } from 'node:buffer';
import type { CloseInfo } from '../contract/connection.ts';
import { attempted } from '../time/attempt.ts';
import { systemClock } from '../time/system-clock.ts';
import type { Transport, TransportSink } from './transport.ts';

/** Number of blocks that no kernel accepts at once while the other end does not read. */
const MAX_BLOCKS = 256;
const BLOCK_BYTES = 256 * 1024;
const LOCAL: CloseInfo = { reason: 'local', by: 'local', error: undefined };

/** Connects two transports. Each function that is passed to `opened` closes a resource if the connect fails. */
type Connect = (
  opened: (close: () => void) => void,
) => Promise<readonly [near: Transport, far: Transport]>;

/**
 * Sends bytes through two connected transports in every way that connections use, and ends the transports. Resolves
 * with the fault, or with `undefined`, after some milliseconds. Nothing is open then.
 */
export async function connectAndCheck(
  connect: Connect,
  limitMs: number,
): Promise<string | undefined> {
  const closers: (() => void)[] = [];
  try {
    const error = () => new Error('it took too long');
    const limit = { clock: systemClock, timeoutMs: limitMs, error };
    const pair = await attempted(() => connect((close) => closers.push(close)), { limit });
    closers.length = 0;
    for (const one of pair) closers.push(() => one.close(LOCAL));
    return await attempted(() => runCheck(new Side(pair[0]), new Side(pair[1])), { limit });
  } catch (thrown) {
    return `the self-check failed: ${String((thrown as Error).message)}`;
  } finally {
    for (const close of closers) close();
  }
}

async function runCheck(near: Side, far: Side): Promise<string | undefined> {
  far.transport.requestRead();
  near.transport.requestRead();
  // The check sends one buffer whose memory is reused at once, then small buffers that are gathered, then two large
  // buffers.
  await exchange(near, far, [patterned(1000, 1)]);
  await exchange(far, near, [patterned(10, 2), patterned(30, 3), patterned(500, 4)]);
  await exchange(near, far, [patterned(9000, 5), patterned(10_000, 6)]);
  await exchangeLate(near, far);
  near.transport.shutdownOutput(LOCAL);
  await far.until(() => far.events.includes('inputEnded'));
  await near.until(() => near.events.includes('outputEnded'));
  for (const side of [far, near]) {
    side.transport.close(LOCAL);
    await side.until(() => side.events.includes('disconnected'));
  }
  const expected = [
    ['written', 'outputEnded', 'disconnected'],
    ['inputEnded', 'disconnected'],
  ];
  const events = [near.events, far.events];
  const isRight = JSON.stringify(events) === JSON.stringify(expected);
  return isRight ? undefined : `the self-check saw ${JSON.stringify(events)}`;
}

/** Checks that messages arrive unchanged, even if their memory changes directly after the write has ended. */
async function exchange(from: Side, to: Side, messages: Buffer[]): Promise<void> {
  const sent = Buffer.concat(messages);
  if (!from.transport.write(messages, sent.length)) {
    await from.until(() => from.events.includes('written'));
    from.events.length = 0;
  }
  for (const message of messages) message.fill(0);
  await to.until(() => to.bytes >= sent.length);
  if (!to.take().equals(sent)) throw new Error('other bytes arrived than were sent');
}

/** Checks that a write that the kernel cannot accept at once ends later, and only once. */
async function exchangeLate(from: Side, to: Side): Promise<void> {
  to.transport.pauseReading();
  to.readsOn = false;
  let count = 1;
  const block = patterned(BLOCK_BYTES, 7);
  while (from.transport.write([block], BLOCK_BYTES)) {
    count += 1;
    if (count > MAX_BLOCKS) throw new Error('every write was over at once');
  }
  to.readsOn = true;
  to.transport.requestRead();
  await to.until(() => to.bytes >= count * BLOCK_BYTES);
  await from.until(() => from.events.includes('written'));
  const received = to.take();
  for (let at = 0; at < received.length; at += BLOCK_BYTES) {
    if (!received.subarray(at, at + BLOCK_BYTES).equals(block)) {
      throw new Error('a late write sent other bytes');
    }
  }
}

function patterned(length: number, seed: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) buffer[i] = (i * 31 + seed * 17 + (i >> 8)) & 0xff;
  return buffer;
}

/** One end of the pair. */
class Side implements TransportSink {
  readonly transport: Transport;
  readonly isReadHeld = false;

  checkTurn(): void {}

  readonly events: string[] = [];
  bytes = 0;
  readsOn = true;
  private chunks: Buffer[] = [];
  private failure: Error | undefined = undefined;
  private look: () => void = () => {};

  constructor(transport: Transport) {
    this.transport = transport;
    transport.open(this);
  }

  take(): Buffer {
    const all = Buffer.concat(this.chunks);
    this.chunks = [];
    this.bytes = 0;
    return all;
  }

  until(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.look = () => {
        if (this.failure !== undefined) reject(this.failure);
        else if (isDone()) resolve();
      };
      this.look();
    });
  }

  received(bytes: Buffer): void {
    this.bytes += bytes.length;
    this.chunks.push(bytes);
  }

  readComplete(): void {
    if (this.readsOn) this.transport.requestRead();
    this.look();
  }

  failed(error: Error): void {
    this.failure = error;
    this.look();
  }

  connected(): void {}

  caught(): void {}

  inputEnded(): void {
    this.note('inputEnded');
  }

  written(): void {
    this.note('written');
  }

  outputEnded(): void {
    this.note('outputEnded');
  }

  disconnected(): void {
    this.note('disconnected');
  }

  private note(event: string): void {
    this.events.push(event);
    this.look();
  }
}
