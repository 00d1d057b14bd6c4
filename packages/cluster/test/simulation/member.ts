import {
  Bootstrap,
  type Channel,
  type Handler,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import type { SimulatedHost } from '@headrace/simulation';

/** A client's connection at a node: what it is sent is taken at once. */
export async function connectMember(
  host: SimulatedHost,
  take: (message: unknown) => void,
  ...handlers: readonly Handler[]
): Promise<Channel> {
  return await new Bootstrap()
    .options(host.options)
    .handler(({ pipeline }) => void pipeline.addLast(...handlers))
    .connect({ transport: new MemberTransport(take) });
}

/** Takes what a member is sent, at once. */
export class MemberTransport implements Transport {
  readonly accepts = 'any message';
  readonly unsentBytes = 0;
  readonly localAddress = { path: 'node' };
  readonly remoteAddress = { path: 'member' };
  isActive = true;
  private readonly take: (message: unknown) => void;
  private sink: TransportSink | undefined = undefined;

  constructor(take: (message: unknown) => void) {
    this.take = take;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  requestRead(): void {}
  pauseReading(): void {}

  sizeOf(): number {
    return 10;
  }

  write(messages: readonly unknown[]): boolean {
    for (const message of messages) this.take(message);
    return true;
  }

  shutdownOutput(): void {
    this.sink?.outputEnded();
  }

  close(): void {
    this.isActive = false;
  }

  abort(): void {
    this.isActive = false;
  }
}
