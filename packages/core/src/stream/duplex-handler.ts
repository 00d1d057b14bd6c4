import { callInContext } from '../call/call-safely.ts';
import { isClass } from '../call/is-class.ts';
import type { Types } from '../contract/handler-types.ts';
import type { OutboundBytes } from '../contract/outbound-bytes.ts';
import type { Context, Direction, Handler } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { ChannelDuplex } from './channel-duplex.ts';

/**
 * Turns the tail of a pipeline into a Node `Duplex`. Programs that use streams (Node's HTTP server, a WebSocket library, `pipe`)
 * then run after our limits, detection and decryption.
 *
 * ```text
 *  wire | limits | [duplex] ⇄ http.Server, ws, pipe
 * ```
 *
 * - **Place** Last: no handler after it receives messages.
 * - **In** `Buffer`.
 * - **Out** Nothing inbound; the stream's writes are sent as bytes, with one flush per write or cork.
 * - **Events** `use` receives the stream when the channel is active. `channelShutdown('input')` and the channel's end become the
 *   stream's end, and a failure of the channel becomes the stream's error. All events are forwarded.
 * - **Errors** None of its own. An error in the pipeline is forwarded, and reaches the stream only if it closes the channel.
 * - **State** One channel.
 * - **Cost** That of Node's streams, a few microseconds per chunk.
 * - **Pitfalls** The stream holds the channel's reads while it is not read. Without `allowHalfOpen`, the channel closes as soon
 *   as the peer ends its half.
 *
 * @example
 * ```ts run
 * import { Bootstrap, DuplexHandler, ServerBootstrap } from '@headrace/core';
 *
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(
 *     new DuplexHandler((stream) => stream.pipe(stream)),
 *   ))
 *   .bind({ port: 0, host: '127.0.0.1' });
 * const client = await new Bootstrap()
 *   .handler((channel) => channel.pipeline.addLast({
 *     channelRead(ctx, bytes: Buffer) {
 *       console.log(String(bytes));
 *       ctx.close();
 *     },
 *   }))
 *   .connect({ port: server.port, host: '127.0.0.1' });
 * await client.writeAndFlush(Buffer.from('there and back'));
 * await client.closed;
 * await server.shutdown();
 * // prints there and back
 * ```
 * @see Node's `stream.Duplex`; `http.Server` takes one by `emit('connection', stream)`
 */
export class DuplexHandler implements Handler {
  declare readonly types: Types<{
    reads: Buffer;
    passesOn: never;
    accepts: never;
    writes: OutboundBytes;
  }>;
  private readonly use: (stream: ChannelDuplex) => void;
  private stream: ChannelDuplex | undefined = undefined;

  /** @param use - function that is called with the stream when the channel is active */
  constructor(use: (stream: ChannelDuplex) => void) {
    checkUse(use);
    this.use = use;
  }

  handlerAdded(ctx: Context): void {
    if (ctx.isActive) this.start(ctx);
  }

  channelActive(ctx: Context): void {
    this.start(ctx);
    ctx.fireChannelActive();
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.stream?.receive(bytes);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.stream?.endInput();
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.stream?.channelClosed();
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.stream?.destroy();
  }

  private start(ctx: Context): void {
    if (this.stream !== undefined) return;
    this.stream = new ChannelDuplex(ctx);
    const returned: unknown = this.use(this.stream);
    callInContext(ctx, () => returned);
  }
}

function checkUse(use: unknown): void {
  if (typeof use === 'function' && !isClass(use)) return;
  throw new OptionError(
    'OPTION_INVALID',
    'DuplexHandler takes a function that uses the stream: new DuplexHandler((stream) => …)',
    { option: 'use' },
  );
}
