import { Buffer } from 'node:buffer';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, handler, type MemoryNetwork, silentLogger } from '@headrace/core';
import type { TimedApp } from './timed-app.ts';

/** A client without manners: it writes what a test wants. */
export class RawPeer {
  /** What came back, as values. */
  readonly got: unknown[] = [];
  private readonly channel: Channel;

  private constructor(channel: Channel, got: unknown[]) {
    this.channel = channel;
    this.got = got;
  }

  static async connect(app: TimedApp, network: MemoryNetwork, name: string): Promise<RawPeer> {
    const got: unknown[] = [];
    const [decoder] = lengthPrefixed({ maxFrameLength: 10_000_000 });
    const connecting = new Bootstrap()
      .options({
        logger: silentLogger,
        clock: app.clock,
        maxOutboundBytes: 100_000_000,
        outboundStallMs: false,
      })
      .handler(({ pipeline }: Channel) =>
        pipeline.addLast(
          decoder,
          handler<{ reads: Buffer }>({
            channelRead: (_ctx, frame) => void got.push(JSON.parse(String(frame))),
            exceptionCaught: () => {},
          }),
        ),
      )
      .connect({ network, name });
    await app.pass(1);
    return new RawPeer(await connecting, got);
  }

  get isOpen(): boolean {
    return this.channel.isOpen;
  }

  /** The server's connections. */
  accepted(app: TimedApp): Channel[] {
    return [...app.nest.server.unwrap().connections];
  }

  send(...packets: unknown[]): void {
    for (const packet of packets) this.sendText(JSON.stringify(packet));
  }

  sendText(text: string): void {
    const body = Buffer.from(text);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    this.sendBytes(Buffer.concat([head, body]));
  }

  sendBytes(bytes: Buffer): void {
    this.channel.writeAndFlush(bytes).catch(() => {});
  }

  stopReading(): void {
    this.channel.holdReads('a peer that never reads');
  }

  close(): void {
    this.channel.close();
  }
}
