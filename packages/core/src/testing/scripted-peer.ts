import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import type { CloseReason } from '../contract/connection.ts';
import { isHeadraceError, toError } from '../errors.ts';
import { flag } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { systemError } from '../transport/system-error.ts';
import type { EmbeddedChannel } from './embedded-channel.ts';
import { eventText } from './record-events.ts';

/**
 * Creates the peer of an {@link EmbeddedChannel}, which follows a script of steps: expect a message, deliver a message, wait.
 * If the channel does anything else, the next step fails. If the channel writes bytes, a text in the script stands for its
 * bytes, in any number of writes.
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
  /**
   * Whether text is delivered as its UTF-8 bytes. `false` delivers it as text, for pipelines without a codec.
   * @default true
   */
  readonly textAsBytes?: boolean;
}

const OPTIONS = describeOptions('scriptedPeer', { textAsBytes: flag({ default: true }) });

/** The peer that {@link scriptedPeer} creates. */
export class ScriptedPeer {
  private readonly channel: EmbeddedChannel;
  /** Messages that the channel has sent, and that no step has expected yet. */
  private readonly sent: unknown[] = [];
  private readonly textAsBytes: boolean;
  private step = 0;

  constructor(channel: EmbeddedChannel, options: ScriptedPeerOptions = {}) {
    this.channel = channel;
    this.textAsBytes = OPTIONS.resolve(options).textAsBytes;
  }

  /** Expects that the channel has sent these messages, in this order. */
  expect(...messages: readonly unknown[]): this {
    this.begin();
    for (const message of messages) this.take(message);
    return this;
  }

  /** Expects that the channel has sent no further message, and is open. */
  expectNothing(): this {
    this.begin();
    this.ensureQuiet('nothing');
    this.ensureOpen();
    return this;
  }

  /** Expects that the channel has sent no further message, and has ended its half or closed. */
  expectEnd(): this {
    this.begin();
    this.ensureQuiet('the end of its output');
    const hasEnded = this.channel.embedded.isOutputEnded || !this.channel.isOpen;
    if (!hasEnded) this.fail('the channel should have ended its half, but has not');
    return this;
  }

  /** Expects that the channel has closed, with this reason if a reason is given. */
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

  /** Expects that an error has reached the tail of the pipeline. `match` is the error's code, or a part of its message. */
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

  /** Sends these messages as one burst. */
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

  /** Lets time pass. The next steps must expect the messages that the channel sends during this time. */
  wait(ms: number): this {
    this.begin();
    this.ensureQuiet('time to pass');
    this.channel.advance(ms);
    return this;
  }

  /** Ends the peer's half of the connection. */
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

  /** Compares bytes as a stream, because the channel can write them in other pieces than the step expects. */
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

/** Returns printable bytes as text, and other bytes as hex. */
function readable(bytes: Buffer): string {
  const text = bytes.toString();
  return /^[\t\n\r -~]*$/.test(text) ? text : bytes.toString('hex');
}

function bytesText(bytes: Buffer): string {
  const text = readable(bytes);
  return text === bytes.toString() ? JSON.stringify(text) : `<${text}>`;
}
