import type { UdpSocket } from './udp-socket.ts';

/** The datagram sockets of one host, by port. Sockets with `reuseAddr` or `reusePort` can share a port. */
export class UdpPorts {
  private readonly sockets = new Map<number, UdpSocket[]>();

  has(port: number): boolean {
    return this.sockets.has(port);
  }

  /** Adds a socket. Returns false if the port is not available. */
  add(port: number, socket: UdpSocket): boolean {
    const others = this.sockets.get(port);
    if (others === undefined) this.sockets.set(port, [socket]);
    else if (socket.sharesPort && others.every((other) => other.sharesPort)) others.push(socket);
    else return false;
    return true;
  }

  remove(socket: UdpSocket): void {
    const { port } = socket;
    const left = this.sockets.get(port)?.filter((other) => other !== socket);
    if (left === undefined) return;
    if (left.length === 0) this.sockets.delete(port);
    else this.sockets.set(port, left);
  }

  clear(): void {
    this.sockets.clear();
  }

  /**
   * Returns the socket that receives the datagrams for the host. If several sockets share the port, returns the last one that
   * was bound, as Linux does.
   */
  receiver(port: number): UdpSocket | undefined {
    return this.sockets.get(port)?.at(-1);
  }

  /** Returns the sockets that receive datagrams from a sender to a group. */
  members(group: string, sender: string, port: number): readonly UdpSocket[] {
    return (this.sockets.get(port) ?? []).filter((socket) => socket.hears(group, sender));
  }
}
