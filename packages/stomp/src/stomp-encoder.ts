import { Buffer } from 'node:buffer';
import type { OtherMessagesOptions } from '@headrace/codec';
import { checkWellFormed, MessageToMessageEncoder } from '@headrace/codec';
import { BYTES_AND_VALUES, encodeErrorOf } from '@headrace/codec/authoring';
import { type Context, EncodeError, type OutboundBytes, type WriteFuture } from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';
import {
  CONTENT_LENGTH,
  isEscaped,
  STOMP_COMMANDS,
  StompFrame,
  type StompVersion,
} from './stomp-frame.ts';
import { noteStompVersion, stompVersionOf } from './stomp-version.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '\r': '\\r',
  '\n': '\\n',
  ':': '\\c',
  '\\': '\\\\',
};
const NUL = Buffer.of(0);
const LENGTH_NAME = 'content-length';

/** What members of a group with the same version have in common. */
interface EncodedForm {
  readonly key: string;
  readonly encode: (frame: StompFrame) => OutboundBytes;
}

/**
 * Writes frames of STOMP 1.0 to 1.2, in the version that CONNECT and CONNECTED on the channel have agreed on, see {@link StompDecoder}.
 *
 * ```text
 *  BEFORE new StompFrame('SEND', { destination: '/queue/a' }, 'hello')
 *  AFTER  SEND\ndestination:/queue/a\n\nhello\0
 * ```
 *
 * - **Place** Next to {@link StompDecoder}.
 * - **In** Outbound {@link StompFrame}. Other messages are refused (`otherMessages`).
 * - **Out** `Buffer`.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_NOT_ENCODABLE` for an unknown command, for a header that needs an escape which the version or the
 *   command does not have, for half of a surrogate pair in a header, and for a content-length that is not the length of the body. The error fails the
 *   write.
 * - **State** None. One instance can serve all channels. The channel keeps the version.
 * - **Cost** One copy of the body. A broadcast to a group is encoded once for each version of the protocol.
 * - **Pitfalls** The encoder adds a content-length only if the body contains a zero byte. A relay that changes a body omits the
 *   header.
 *
 * @example
 * ```ts run
 * import { StompEncoder, StompFrame } from '@headrace/stomp';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new StompEncoder());
 * channel.writeOutbound(new StompFrame('SEND', { destination: '/queue/a' }, 'hello'));
 * console.log(JSON.stringify(String(channel.readOutbound())));
 * // prints "SEND\ndestination:/queue/a\n\nhello\u0000"
 * ```
 * @see Netty's `StompSubframeEncoder`
 */
export class StompEncoder extends MessageToMessageEncoder<StompFrame, OutboundBytes> {
  override readonly sharable = true;

  private readonly forms: Readonly<Record<StompVersion, EncodedForm>>;

  constructor(options: OtherMessagesOptions = {}) {
    super(options, BYTES_AND_VALUES);
    const form = (version: StompVersion): EncodedForm => ({
      key: `StompEncoder ${version}`,
      encode: (frame) => this.encode(frame, version),
    });
    this.forms = { '1.0': form('1.0'), '1.1': form('1.1'), '1.2': form('1.2') };
  }

  override encodes(message: unknown): boolean {
    return message instanceof StompFrame;
  }

  override write(ctx: Context, message: unknown): WriteFuture {
    if (!this.encodes(message)) return super.write(ctx, message);
    const frame = message as StompFrame;
    const version = stompVersionOf(ctx.channel);
    let bytes: OutboundBytes;
    try {
      const { key, encode } = this.forms[version];
      bytes = encodeOnce(key, frame, encode);
    } catch (thrown) {
      throw encodeErrorOf(this.constructor.name, thrown);
    }
    noteStompVersion(ctx.channel, frame);
    return ctx.write(bytes);
  }

  /**
   * Returns the bytes of a frame.
   *
   * @param version - version of the protocol
   */
  override encode(frame: StompFrame, version: StompVersion = '1.2'): OutboundBytes {
    const { command, headers, body } = frame;
    if (!STOMP_COMMANDS.has(command)) throw refuse(`${JSON.stringify(command)} is not a command`);
    const write = writerOf(command, version);
    let head = `${command}\n`;
    for (const [name, value] of headers) {
      if (name === '') throw refuse('a header has no name');
      if (typeof value !== 'string') throw refuse(`the header ${name} has no value`);
      if (name === LENGTH_NAME) checkLength(value, body.length);
      head += `${write(name, 'name')}:${write(value, 'value')}\n`;
    }
    const needsLength = body.includes(0) && frame.header(LENGTH_NAME) === undefined;
    if (needsLength) head += `${LENGTH_NAME}:${body.length}\n`;
    checkWellFormed(head);
    return Buffer.concat([Buffer.from(`${head}\n`), body, NUL]);
  }
}

/** Refuses a length of another body. A reader would end the frame there, and take the rest of the body for frames. */
function checkLength(value: string, bodyBytes: number): void {
  if (CONTENT_LENGTH.test(value) && Number(value) === bodyBytes) return;
  const shown = JSON.stringify(value.slice(0, 40));
  throw refuse(
    `its content-length is ${shown}, and its body has ${bodyBytes} bytes: omit the header`,
  );
}

/** Returns what writes the names and values of the headers of a frame. */
function writerOf(
  command: string,
  version: StompVersion,
): (text: string, part: 'name' | 'value') => string {
  if (isEscaped(command, version)) {
    return version === '1.2' ? escaped : (text) => escaped(without(/\r/, text, version));
  }
  const what = version === '1.0' ? version : 'CONNECT and CONNECTED';
  return (text, part) => without(part === 'name' ? /[\r\n:]/ : /[\r\n]/, text, what);
}

function escaped(text: string): string {
  return text.replace(/[\r\n:\\]/g, (character) => ESCAPES[character]!);
}

function without(forbidden: RegExp, text: string, what: string): string {
  if (!forbidden.test(text)) return text;
  throw refuse(`STOMP ${what} cannot carry the header ${JSON.stringify(text.slice(0, 40))}`);
}

function refuse(why: string): EncodeError {
  return new EncodeError('MESSAGE_NOT_ENCODABLE', `no STOMP frame: ${why}`);
}
