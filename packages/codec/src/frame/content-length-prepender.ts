import { rememberMethods } from '@headrace/core/authoring';
import {
  BODY_PREPENDER_OPTIONS,
  BodyPrepender,
  type BodyPrependerOptions,
  LengthHeader,
} from './body-prepender.ts';

/** Options of {@link ContentLengthPrepender}. */
export type ContentLengthPrependerOptions = BodyPrependerOptions;

const NAME: Buffer = Buffer.from('Content-Length: ');
const END: Buffer = Buffer.from('\r\n\r\n');
const ZERO = 48;

class ContentLengthHeader extends LengthHeader {
  override sizeOf(bodyBytes: number): number {
    return NAME.length + digitsOf(bodyBytes) + END.length;
  }

  override write(target: Uint8Array, offset: number, bodyBytes: number): number {
    target.set(NAME, offset);
    const first = offset + NAME.length;
    const end = first + digitsOf(bodyBytes);
    let rest = bodyBytes;
    for (let at = end - 1; at >= first; at--) {
      target[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    target.set(END, end);
    return end + END.length;
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  return digits;
}

/**
 * Writes a header with the length of each message before it, as the Language Server Protocol requires.
 *
 * ```text
 *  BEFORE "{}"   →  AFTER Content-Length: 2 CR LF CR LF { }
 * ```
 *
 * - **Place** Next to {@link ContentLengthFrameDecoder}.
 * - **In** Outbound `Buffer`, any `Uint8Array`, or a `ByteSource`. Other messages are refused (`otherMessages`).
 * - **Out** A `ByteSource` of the header and the body, which is not copied. For a group's broadcast, one `Buffer` for all
 *   members.
 * - **Errors** `HR_ERR_MESSAGE_TOO_LONG` for a body over the limit. The error fails the write.
 * - **State** None. One instance can serve all channels.
 * - **Cost** One small object for each message.
 * - **Pitfalls** None.
 *
 * @example
 * ```ts run
 * import { ContentLengthPrepender } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new ContentLengthPrepender());
 * channel.writeOutbound(Buffer.from('{}'));
 * console.log(JSON.stringify(String(channel.readOutbound())));
 * // prints "Content-Length: 2\r\n\r\n{}"
 * ```
 * @see the Language Server Protocol, "Base Protocol"
 */
export class ContentLengthPrepender extends BodyPrepender {
  constructor(options: ContentLengthPrependerOptions = {}) {
    const { maxBodyLength, otherMessages } = BODY_PREPENDER_OPTIONS.resolve(
      options,
      'ContentLengthPrepender',
    );
    const key = `ContentLengthPrepender:${maxBodyLength}`;
    super(new ContentLengthHeader(key, maxBodyLength), otherMessages);
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(ContentLengthPrepender);
