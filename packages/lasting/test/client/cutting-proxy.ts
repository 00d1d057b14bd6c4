import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { DelayedPieces } from './delayed-pieces.ts';

export interface CuttingProxyOptions {
  /** Cuts no more when there were so many. */
  readonly maxCuts: number;
  /** A connection passes so many bytes at most before it is cut. */
  readonly maxBytes: number;
  readonly random: () => number;
  /** Each piece comes later by up to so many milliseconds, in order. */
  readonly maxDelayMs?: number;
  /** One of a hundred pieces stands still for up to so many milliseconds, and what follows it with it. */
  readonly maxStallMs?: number;
}

/** A TCP proxy that cuts each connection after a random number of bytes, half of them by RST; it may delay and stall, too. */
export class CuttingProxy {
  /** How many connections it has cut. */
  cuts = 0;
  /** How many pieces it has let stand still. */
  stalls = 0;
  private readonly options: CuttingProxyOptions;
  private readonly random: () => number;
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();
  /** New connections are reset at once. */
  private isAway = false;

  constructor(target: number, options: CuttingProxyOptions) {
    this.options = options;
    this.random = options.random;
    this.server = net.createServer({ noDelay: true }, (client) => {
      if (this.isAway) client.resetAndDestroy();
      else this.join(client, target);
    });
  }

  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  /** As a network that is gone: cuts all connections, and lets none through until it is {@link back}. */
  leave(): void {
    this.isAway = true;
    this.cutAll();
  }

  back(): void {
    this.isAway = false;
  }

  cutAll(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: net.Socket, target: number): void {
    const server = net.connect({ port: target, host: '127.0.0.1', noDelay: true });
    const { maxCuts, maxBytes } = this.options;
    // A square, so that the first bytes of the exchange are cut often enough.
    let left = Math.floor(this.random() ** 2 * maxBytes);
    const forward = (from: net.Socket, to: net.Socket): void => {
      const pieces = new DelayedPieces(() => this.delayOfPiece());
      from.on('data', (bytes) => {
        if (this.cuts >= maxCuts || left > bytes.length) {
          left -= bytes.length;
          pieces.add(() => to.write(bytes));
          return;
        }
        this.cuts += 1;
        const last = bytes.subarray(0, left);
        pieces.add(() => to.write(last, () => this.cut(client, server)));
        left = Number.POSITIVE_INFINITY;
        from.removeAllListeners('data');
      });
      from.on('end', () => pieces.add(() => to.end()));
      from.on('error', () => to.destroy());
      from.on('close', (hadError) => {
        this.sockets.delete(from);
        if (hadError) to.destroy();
        else pieces.add(() => to.destroy());
      });
      this.sockets.add(from);
    };
    forward(client, server);
    forward(server, client);
  }

  private delayOfPiece(): number {
    const { maxDelayMs = 0, maxStallMs = 0 } = this.options;
    if (maxStallMs > 0 && this.random() < 0.01) {
      this.stalls += 1;
      return this.random() * maxStallMs;
    }
    return maxDelayMs > 0 ? this.random() * maxDelayMs : 0;
  }

  private cut(client: net.Socket, server: net.Socket): void {
    const isReset = this.random() < 0.5;
    for (const socket of [client, server]) {
      if (isReset) socket.resetAndDestroy();
      else socket.destroy();
    }
  }
}
