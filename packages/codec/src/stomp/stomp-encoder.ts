import { Buffer } from 'node:buffer';
import { EncodeError, type OutboundBytes } from '@headrace/core';
import { MessageToMessageEncoder } from '../base/message-to-message-encoder.ts';
import type { OtherMessagesOptions } from '../base/other-messages.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { checkWellFormed } from '../base/utf8.ts';
import { CONTENT_LENGTH, isEscaped, STOMP_COMMANDS, StompFrame } from './stomp-frame.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '\r': '\\r',
  '\n': '\\n',
  ':': '\\c',
  '\\': '\\\\',
};
const NUL = Buffer.of(0);
const LENGTH_NAME = 'content-length';

/**
 * Writes frames of STOMP 1.2.
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
 * - **Errors** `HR_ERR_MESSAGE_NOT_ENCODABLE` for an unknown command, for a header of CONNECT or CONNECTED that needs an escape,
 *   for half of a surrogate pair in a header, and for a content-length that is not the length of the body. The error fails the
 *   write.
 * - **State** None. One instance can serve all channels.
 * - **Cost** One copy of the body. A broadcast to a group is encoded once.
 * - **Pitfalls** The encoder adds a content-length only if the body contains a zero byte. A relay that changes a body omits the
 *   header.
 *
 * @example
 * ```ts run
 * import { StompEncoder, StompFrame } from '@headrace/codec';
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
  protected override readonly broadcastKey = 'StompEncoder';

  constructor(options: OtherMessagesOptions = {}) {
    super(options, BYTES_AND_VALUES);
  }

  override encodes(message: unknown): boolean {
    return message instanceof StompFrame;
  }

  override encode(frame: StompFrame): OutboundBytes {
    const { command, headers, body } = frame;
    if (!STOMP_COMMANDS.has(command)) throw refuse(`${JSON.stringify(command)} is not a command`);
    const write = isEscaped(command) ? escaped : plain;
    let head = `${command}\n`;
    for (const [name, value] of headers) {
      if (name === '') throw refuse('a header has no name');
      if (name === LENGTH_NAME) checkLength(value, body.length);
      head += `${write(name, /[\r\n:\\]/)}:${write(value, /[\r\n]/)}\n`;
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

function escaped(text: string): string {
  return text.replace(/[\r\n:\\]/g, (character) => ESCAPES[character]!);
}

function plain(text: string, forbidden: RegExp): string {
  if (!forbidden.test(text)) return text;
  throw refuse(
    `CONNECT and CONNECTED cannot carry the header ${JSON.stringify(text.slice(0, 40))}`,
  );
}

function refuse(why: string): EncodeError {
  return new EncodeError('MESSAGE_NOT_ENCODABLE', `no STOMP frame: ${why}`);
}
