import type { AddressInfo } from 'node:net';
import net from 'node:net';

/** A TCP proxy that cuts each connection after a random number of bytes, half of them by RST. */
export class CuttingProxy {
  /** How many connections it has cut. */
  cuts = 0;
  /** Cuts no more when there were so many. */
  private readonly maxCuts: number;
  private readonly maxBytes: number;
  private readonly random: () => number;
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();

  constructor(
    target: number,
    options: { readonly maxCuts: number; readonly maxBytes: number; readonly random: () => number },
  ) {
    this.maxCuts = options.maxCuts;
    this.maxBytes = options.maxBytes;
    this.random = options.random;
    this.server = net.createServer({ noDelay: true }, (client) => this.join(client, target));
  }

  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: net.Socket, target: number): void {
    const server = net.connect({ port: target, host: '127.0.0.1', noDelay: true });
    // A square, so that the first bytes of the exchange are cut often enough.
    let left = Math.floor(this.random() ** 2 * this.maxBytes);
    const forward = (from: net.Socket, to: net.Socket): void => {
      from.on('data', (bytes) => {
        if (this.cuts >= this.maxCuts || left > bytes.length) {
          left -= bytes.length;
          to.write(bytes);
          return;
        }
        this.cuts += 1;
        to.write(bytes.subarray(0, left), () => this.cut(client, server));
        left = Number.POSITIVE_INFINITY;
        from.removeAllListeners('data');
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      this.sockets.add(from);
    };
    forward(client, server);
    forward(server, client);
  }

  private cut(client: net.Socket, server: net.Socket): void {
    const isReset = this.random() < 0.5;
    for (const socket of [client, server]) {
      if (isReset) socket.resetAndDestroy();
      else socket.destroy();
    }
  }
}
