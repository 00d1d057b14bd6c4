import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { CloseReason } from '../contract.ts';
import { isHeadraceError, toError } from '../errors.ts';
import { flag } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { systemError } from '../transport/system-error.ts';
import type { EmbeddedChannel } from './embedded-channel.ts';
import { eventText } from './record-events.ts';

/**
 * The peer of an {@link EmbeddedChannel}, which follows a script: expect this, then deliver that, then
 * wait. Anything else that the channel does fails the step in which it is noticed. Text stands for its
 * bytes where the channel writes bytes; how the bytes are cut into writes does not matter.
 *
 * @example
 * ```ts
 * scriptedPeer(channel)
 *   .expect('HELLO ann\n')
 *   .deliver('WELCOME ann\n')
 *   .wait(20_000)
 *   .expect('PING\n')
 *   .end()
 *   .expectClose('peer');
 * ```
 * @see tokio-test's `io::Builder`
 */
export function scriptedPeer(
  channel: EmbeddedChannel,
  options: ScriptedPeerOptions = {},
): ScriptedPeer {
  return new ScriptedPeer(channel, options);
}

/** Options of {@link scriptedPeer}. */
export interface ScriptedPeerOptions {
  /** Text is delivered as its UTF-8 bytes; `false` delivers it as text, for pipelines without a codec. @default true */
  readonly textAsBytes?: boolean;
}

const OPTIONS = describeOptions('scriptedPeer', { textAsBytes: flag({ default: true }) });

/** The peer that {@link scriptedPeer} makes. */
export class ScriptedPeer {
  private readonly channel: EmbeddedChannel;
  /** Messages that the channel has sent and no step has expected yet. */
  private readonly sent: unknown[] = [];
  private readonly textAsBytes: boolean;
  private step = 0;

  constructor(channel: EmbeddedChannel, options: ScriptedPeerOptions = {}) {
    this.channel = channel;
    this.textAsBytes = OPTIONS.resolve(options).textAsBytes;
  }

  /** The channel has sent these, in this order. */
  expect(...messages: readonly unknown[]): this {
    this.begin();
    for (const message of messages) this.take(message);
    return this;
  }

  /** The channel has sent nothing that was not expected, and is open. */
  expectNothing(): this {
    this.begin();
    this.ensureQuiet('nothing');
    this.ensureOpen();
    return this;
  }

  /** The channel has ended its half, or closed, after what was expected. */
  expectEnd(): this {
    this.begin();
    this.ensureQuiet('the end of its output');
    const hasEnded = this.channel.embedded.isOutputEnded || !this.channel.isOpen;
    if (!hasEnded) this.fail('the channel should have ended its half, but has not');
    return this;
  }

  /** The channel has closed, with this reason if one is given. */
  expectClose(reason?: CloseReason): this {
    this.begin();
    this.ensureQuiet('the close');
    const { closeInfo } = this.channel;
    if (closeInfo === undefined) {
      const ended = this.channel.embedded.isOutputEnded
        ? ': it has ended its half, and closes at the end of ours: expectEnd(), then end()'
        : '';
      this.fail(`the channel should have closed, but is open${ended}`);
    }
    if (reason !== undefined && closeInfo.reason !== reason) {
      const text = `the channel should have closed as ${reason}, but closed as ${closeInfo.reason}`;
      this.fail(text, closeInfo.reason, reason);
    }
    return this;
  }

  /** An error has reached the tail of the pipeline: its code, or a part of its message. */
  expectError(match: string | RegExp): this {
    this.step += 1;
    let error: Error | undefined;
    try {
      this.channel.checkException();
    } catch (thrown) {
      error = toError(thrown);
    }
    if (error === undefined) this.fail(`expected the error ${String(match)}, but there was none`);
    const text = isHeadraceError(error) ? `${error.code}: ${error.message}` : error.message;
    const fits = typeof match === 'string' ? text.includes(match) : match.test(text);
    if (!fits) this.fail(`expected the error ${String(match)}, but it was ${text}`, text, match);
    return this;
  }

  /** Sends these as one burst. */
  deliver(...messages: readonly unknown[]): this {
    this.begin();
    this.ensureQuiet('something to be delivered');
    this.ensureOpen();
    const { channel } = this;
    channel.run(() => {
      for (const message of messages) channel.embedded.sink.received(this.inboundForm(message));
      channel.embedded.sink.readComplete();
    });
    return this;
  }

  /** Lets time pass; messages that the channel sends meanwhile must be expected next. */
  wait(ms: number): this {
    this.begin();
    this.ensureQuiet('time to pass');
    this.channel.advance(ms);
    return this;
  }

  /** Ends our half. */
  end(): this {
    this.begin();
    this.ensureQuiet('the end of our half');
    this.channel.endInput();
    return this;
  }

  /** Resets the connection. */
  reset(): this {
    this.begin();
    this.ensureQuiet('a reset');
    const { channel } = this;
    channel.run(() => channel.embedded.sink.failed(systemError('ECONNRESET', 'read ECONNRESET')));
    return this;
  }

  private inboundForm(message: unknown): unknown {
    return typeof message === 'string' && this.textAsBytes ? Buffer.from(message) : message;
  }

  private begin(): void {
    this.step += 1;
    this.channel.checkException();
    let message = this.channel.readOutbound();
    for (; message !== undefined; message = this.channel.readOutbound()) this.sent.push(message);
  }

  private take(expected: unknown): void {
    const [next] = this.sent;
    const bytes = bytesOf(expected);
    if (next instanceof Uint8Array && bytes !== undefined) this.takeBytes(bytes);
    else if (isDeepStrictEqual(next, expected)) this.sent.shift();
    else {
      const got = next === undefined ? 'nothing was' : `${eventText(next)} was`;
      this.fail(`expected ${eventText(expected)} to be sent, but ${got}`, next, expected);
    }
  }

  /** Bytes are a stream: they may have been written in other pieces than they are expected in. */
  private takeBytes(expected: Buffer): void {
    const pieces: Uint8Array[] = [];
    let length = 0;
    while (length < expected.length && this.sent[0] instanceof Uint8Array) {
      const piece = this.sent.shift() as Uint8Array;
      pieces.push(piece);
      length += piece.length;
    }
    const got = Buffer.concat(pieces);
    if (!got.subarray(0, expected.length).equals(expected)) {
      const text = `expected ${bytesText(expected)} to be sent, but ${bytesText(got)} was`;
      this.fail(text, readable(got), readable(expected));
    }
    if (got.length > expected.length) this.sent.unshift(got.subarray(expected.length));
  }

  private ensureQuiet(expected: string): void {
    if (this.sent.length === 0) return;
    const all = this.sent.map((message) =>
      message instanceof Uint8Array ? bytesText(Buffer.from(message)) : eventText(message),
    );
    this.fail(`the script expects ${expected}, but the channel sent ${all.join(', ')}`);
  }

  private ensureOpen(): void {
    const { closeInfo } = this.channel;
    if (closeInfo !== undefined) this.fail(`the channel has closed (${closeInfo.reason})`);
  }

  private fail(text: string, actual?: unknown, expected?: unknown): never {
    const message = `step ${this.step} of the script: ${text}`;
    throw new AssertionError({ message, actual, expected, stackStartFn: this.fail });
  }
}

function bytesOf(message: unknown): Buffer | undefined {
  if (typeof message === 'string') return Buffer.from(message);
  return message instanceof Uint8Array ? Buffer.from(message) : undefined;
}

/** Text if it is that, hex if not. */
function readable(bytes: Buffer): string {
  const text = bytes.toString();
  return /^[\t\n\r -~]*$/.test(text) ? text : bytes.toString('hex');
}

function bytesText(bytes: Buffer): string {
  const text = readable(bytes);
  return text === bytes.toString() ? JSON.stringify(text) : `<${text}>`;
}
