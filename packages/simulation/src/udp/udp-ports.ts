import type { UdpSocket } from './udp-socket.ts';

/** The sockets for datagrams of one host by their ports; those with `reuseAddr` may have one together. */
export class UdpPorts {
  private readonly sockets = new Map<number, UdpSocket[]>();

  has(port: number): boolean {
    return this.sockets.has(port);
  }

  /** False if the port is taken. */
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

  /** The socket that gets what is sent to the host: of several the one that was bound last, as on Linux. */
  receiver(port: number): UdpSocket | undefined {
    return this.sockets.get(port)?.at(-1);
  }

  /** The sockets that get what a sender sends to a group. */
  members(group: string, sender: string, port: number): readonly UdpSocket[] {
    return (this.sockets.get(port) ?? []).filter((socket) => socket.hears(group, sender));
  }
}
