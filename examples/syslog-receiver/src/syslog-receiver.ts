// A receiver of logs on one port, over TCP and over UDP, with one pipeline for both.
import { MessageToMessageDecoder } from '@headrace/codec';
import {
  type Channel,
  type Context,
  DecodeError,
  handler,
  type Logger,
  ServerBootstrap,
  stderrLogger,
} from '@headrace/core';
import { type PerPeerOptions, perPeer } from '@headrace/datagram';
import { MessageRateHandler } from '@headrace/handlers';
import { SyslogFrameDecoder } from './syslog-frame-decoder.ts';
import { parseSyslog, type SyslogMessage } from './syslog-message.ts';

/** RFC 5424 asks for 2048 at least. */
const MAX_MESSAGE_BYTES = 8192;
const PER_SECOND = 1000;
/** CR, LF, and a zero as some senders have it. */
const ENDS = new Set([13, 10, 0]);

/** The end of a message before its line ends and zeros. A pattern would try each start of each run of them in the message. */
function endOf(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && ENDS.has(bytes[end - 1]!)) end -= 1;
  return end;
}

class SyslogDecoder extends MessageToMessageDecoder<Buffer, SyslogMessage> {
  override decode(_ctx: Context, bytes: Buffer): SyslogMessage | undefined {
    const text = bytes.toString('utf8', 0, endOf(bytes));
    if (text === '') return undefined;
    try {
      return parseSyslog(text);
    } catch (error) {
      throw new DecodeError('MESSAGE_INVALID', `no syslog message: ${(error as Error).message}`);
    }
  }
}

export interface SyslogReceiverOptions {
  /** 0 takes a free one, the same for both. */
  readonly port: number;
  readonly host?: string;
  readonly onMessage: (message: SyslogMessage, from: Channel) => void;
  readonly logger?: Logger;
  /** Options of the UDP side, for tests. */
  readonly udp?: Partial<PerPeerOptions>;
}

export interface SyslogReceiver extends AsyncDisposable {
  readonly port: number;
}

export async function startReceiver({
  port,
  host = '::',
  onMessage,
  logger = stderrLogger('warn'),
  udp = {},
}: SyslogReceiverOptions): Promise<SyslogReceiver> {
  const sink = handler<{ reads: SyslogMessage; passesOn: never }>({
    sharable: true,
    channelRead: (ctx, message) => onMessage(message, ctx.channel),
  });
  /** A datagram is a message already; a stream is cut into messages first. */
  const receiver = (kind: 'stream' | 'datagrams'): ServerBootstrap =>
    new ServerBootstrap()
      .options({ logger })
      .childOptions({ logger })
      .childHandler(({ pipeline }) => {
        if (kind === 'stream') pipeline.addLast(new SyslogFrameDecoder(MAX_MESSAGE_BYTES));
        pipeline.addLast(
          new SyslogDecoder(),
          new MessageRateHandler({ perSecond: PER_SECOND }),
          sink,
        );
      });
  const streams = await receiver('stream').bind({ port, host });
  const listener = perPeer({ port: streams.port, host, idleMs: 10_000, ...udp });
  const datagrams = await receiver('datagrams').bind({ listener });
  return {
    port: streams.port,
    async [Symbol.asyncDispose]() {
      await Promise.all([streams.close(), datagrams.close()]);
    },
  };
}
