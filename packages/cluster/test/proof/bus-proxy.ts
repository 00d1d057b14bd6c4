import { once } from 'node:events';
import net from 'node:net';

/** Stands between one node and the server of its bus, and parts them. */
export class BusProxy {
  private readonly target: number;
  private readonly server: net.Server;
  private readonly sockets = new Set<net.Socket>();
  /** Connections that nobody answers for now. */
  private held: net.Socket[] = [];
  private isSilent = false;
  private listensAt = 0;

  private constructor(target: number) {
    this.target = target;
    this.server = net.createServer({ pauseOnConnect: true }, (socket) => this.accepted(socket));
  }

  static async start(target: number): Promise<BusProxy> {
    const proxy = new BusProxy(target);
    await proxy.listen();
    proxy.listensAt = (proxy.server.address() as net.AddressInfo).port;
    return proxy;
  }

  get port(): number {
    return this.listensAt;
  }

  /** Ends all connections, and refuses new ones. */
  async cut(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }

  /** After `cut`. */
  async listen(): Promise<void> {
    this.server.listen(this.listensAt, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** Takes connections and bytes, and passes nothing on. */
  fallSilent(): void {
    this.isSilent = true;
    for (const socket of this.sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** After `fallSilent`: everything that waits goes on. */
  speak(): void {
    this.isSilent = false;
    for (const socket of this.sockets) this.pass(socket);
    for (const socket of this.held.splice(0)) this.connect(socket);
  }

  async end(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private readonly peers = new Map<net.Socket, net.Socket>();

  private accepted(socket: net.Socket): void {
    this.keep(socket);
    if (this.isSilent) this.held.push(socket);
    else this.connect(socket);
  }

  private connect(socket: net.Socket): void {
    if (socket.destroyed) return;
    const upstream = net.connect(this.target, '127.0.0.1');
    this.keep(upstream);
    this.peers.set(socket, upstream).set(upstream, socket);
    this.pass(socket);
    this.pass(upstream);
  }

  private pass(socket: net.Socket): void {
    const peer = this.peers.get(socket);
    if (peer !== undefined) socket.pipe(peer);
  }

  private keep(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.sockets.delete(socket);
      this.peers.get(socket)?.destroy();
      this.peers.delete(socket);
    });
  }
}
