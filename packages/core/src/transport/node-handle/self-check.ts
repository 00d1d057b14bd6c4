import { Buffer } from 'node:buffer';
import type { TransportSink } from '../transport.ts';
import { HandleTransport } from './handle-transport.ts';
import type { StreamBinding } from './stream-binding.ts';
import type { HandleAddress, NodeInternals, StreamHandle, TcpInternals } from './stream-handle.ts';

const LOOPBACK = '127.0.0.1';
/** No kernel takes so much at once while nobody reads. */
const MOST_BLOCKS = 256;
const BLOCK_BYTES = 256 * 1024;

/**
 * Connects two TCP handles of this process and sends bytes through them in every way that connections do.
 * Resolves with what is wrong, or with `undefined`; takes some milliseconds.
 */
export async function checkHandles(
  internals: NodeInternals,
  binding: StreamBinding,
  limitMs = 5000,
): Promise<string | undefined> {
  const closers: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('the self-check took too long'), limitMs);
  });
  try {
    const check = runCheck(internals.tcp, binding, closers);
    return (await Promise.race([check, late])) ?? binding.distrusted;
  } catch (thrown) {
    return `the self-check failed: ${String((thrown as Error).message)}`;
  } finally {
    clearTimeout(timer);
    for (const close of closers) close();
  }
}

async function runCheck(
  tcp: TcpInternals,
  binding: StreamBinding,
  closers: (() => void)[],
): Promise<string | undefined> {
  const [near, far] = (await connectPair(tcp, closers)).map((handle) => {
    const side = new Side(new HandleTransport(handle, binding));
    closers.push(() => side.transport.close());
    return side;
  }) as [Side, Side];
  closers.shift()?.();
  far.transport.requestRead();
  near.transport.requestRead();
  // One buffer, whose memory is ours again at once; some small ones, gathered; two large ones.
  await exchange(near, far, [patterned(1000, 1)]);
  await exchange(far, near, [patterned(10, 2), patterned(30, 3), patterned(500, 4)]);
  await exchange(near, far, [patterned(9000, 5), patterned(10_000, 6)]);
  await exchangeLate(near, far);
  near.transport.shutdownOutput();
  await far.until(() => far.events.includes('inputEnded'));
  await near.until(() => near.events.includes('outputEnded'));
  for (const side of [far, near]) {
    side.transport.close();
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

/** Messages whose write is over at once arrive as they were, whatever becomes of their memory. */
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

/** A write that the kernel cannot take at once ends later, and once. */
async function exchangeLate(from: Side, to: Side): Promise<void> {
  to.transport.pauseReading();
  to.readsOn = false;
  let count = 1;
  const block = patterned(BLOCK_BYTES, 7);
  while (from.transport.write([block], BLOCK_BYTES)) {
    count += 1;
    if (count > MOST_BLOCKS) throw new Error('every write was over at once');
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
  readonly transport: HandleTransport;
  readonly isReadHeld = false;

  checkTurn(): void {}

  readonly events: string[] = [];
  bytes = 0;
  readsOn = true;
  private chunks: Buffer[] = [];
  private failure: Error | undefined = undefined;
  private look: () => void = () => {};

  constructor(transport: HandleTransport) {
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

/** A connected pair, and in `closers` first what closes the listening handle. */
function connectPair(tcp: TcpInternals, closers: (() => void)[]): Promise<StreamHandle[]> {
  const { TCP, TCPConnectWrap, constants } = tcp;
  return new Promise((resolve, reject) => {
    const listening = new TCP(constants.SERVER);
    const client = new TCP(constants.SOCKET);
    const made: StreamHandle[] = [client];
    closers.push(
      () => closeNow(listening),
      () => made.forEach(closeNow),
    );
    const done = (): void => {
      const clientPort = portOf(client, client.getsockname);
      const accepted = made.find((handle) => portOf(handle, handle.getpeername) === clientPort);
      if (!isConnected || accepted === undefined) return;
      // Somebody else of this machine may have found the port, too.
      for (const handle of made) if (handle !== client && handle !== accepted) closeNow(handle);
      resolve([client, accepted]);
    };
    let isConnected = false;
    listening.onconnection = (status, handle) => {
      if (status !== 0 || handle === undefined) return;
      made.push(handle);
      done();
    };
    const request = new TCPConnectWrap();
    request.oncomplete = (status) => {
      if (status !== 0) reject(new Error(`cannot connect on ${LOOPBACK} (${status})`));
      isConnected = true;
      done();
    };
    for (const status of [
      listening.bind(LOOPBACK, 0, 0),
      listening.listen(8),
      client.connect(request, LOOPBACK, portOf(listening, listening.getsockname) ?? 0),
    ]) {
      if (status === 0) continue;
      closeNow(client);
      reject(new Error(`cannot listen on ${LOOPBACK} (${status})`));
      return;
    }
  });
}

function closeNow(handle: StreamHandle): void {
  handle.close(() => {});
}

function portOf(handle: StreamHandle, ask: StreamHandle['getsockname']): number | undefined {
  const answer: Partial<HandleAddress> = {};
  return ask?.call(handle, answer) === 0 ? answer.port : undefined;
}
