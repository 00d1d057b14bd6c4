import { Buffer } from 'node:buffer';
import type {
  Address,
  Clock,
  DatagramPlace,
  DatagramSocket,
  DatagramSocketUser,
} from '@headrace/core';
import { systemError } from '@headrace/core/authoring';

/** The longest datagram of IPv4. */
const MAX_BYTES = 65_507;

/** All addresses of a host. */
const ANY: readonly string[] = ['0.0.0.0', '::'];

function noMulticast(call: string): Error {
  return systemError('ENODEV', `${call} ENODEV: a simulated network has no multicast`);
}

/** The kernel of a host, as its sockets for datagrams use it. */
export interface UdpKernel {
  readonly address: string;
  /** Takes a port, 0 for a free one; returns it, or why it cannot be had. */
  takePort(port: number, socket: UdpSocket): number | Error;
  freePortOf(socket: UdpSocket): void;
  /** The address of a host, `undefined` for a name that is unknown. */
  addressOf(nameOrAddress: string): string | undefined;
  /** Sends a datagram on its way. */
  sendDatagram(from: UdpSocket, host: string, port: number, bytes: Buffer): void;
}

/** A socket for datagrams on a simulated host. */
export class UdpSocket implements DatagramSocket {
  readonly unsentBytes = 0;
  localAddress: Address | undefined = undefined;
  remoteAddress: Address | undefined = undefined;
  /** The port that it has taken. */
  port = 0;
  private readonly kernel: UdpKernel;
  private readonly process: Clock;
  private readonly place: DatagramPlace;
  private user: DatagramSocketUser | undefined = undefined;
  private peer: { readonly host: string; readonly port: number } | undefined = undefined;
  private isClosed = false;

  /** @param process - that it belongs to: what it reports is lost with it */
  constructor(kernel: UdpKernel, process: Clock, place: DatagramPlace) {
    this.kernel = kernel;
    this.process = process;
    this.place = place;
  }

  open(user: DatagramSocketUser): void {
    this.user = user;
    this.process.nextTurn(() => {
      if (!this.isClosed) this.bind(user);
    });
  }

  private bind(user: DatagramSocketUser): void {
    const { kernel, place } = this;
    const { peer } = place;
    const remote = peer && kernel.addressOf(peer.host);
    if (peer !== undefined && remote === undefined) {
      user.failed(systemError('ENOTFOUND', `getaddrinfo ENOTFOUND ${peer.host}`));
      return;
    }
    const { host = kernel.address } = place;
    if (!ANY.includes(host) && kernel.addressOf(host) !== kernel.address) {
      user.failed(systemError('EADDRNOTAVAIL', `bind EADDRNOTAVAIL ${host}`));
      return;
    }
    if (place.groups.length > 0) {
      user.failed(noMulticast('addMembership'));
      return;
    }
    const taken = kernel.takePort(place.port, this);
    if (typeof taken !== 'number') {
      user.failed(taken);
      return;
    }
    this.port = taken;
    this.localAddress = { host: kernel.address, port: taken, family: 'IPv4' };
    if (peer !== undefined) {
      this.peer = { host: remote!, port: peer.port };
      this.remoteAddress = { ...this.peer, family: 'IPv4' };
    }
    user.bound();
  }

  send(
    bytes: Uint8Array,
    host: string | undefined,
    port: number,
    sent: (error: Error | null) => void,
  ): void {
    const error = this.give(
      bytes,
      host ?? this.peer!.host,
      host === undefined ? this.peer!.port : port,
    );
    this.process.execute(() => sent(error));
  }

  private give(bytes: Uint8Array, host: string, port: number): Error | null {
    if (this.isClosed) return systemError('EBADF', 'send EBADF: the socket is closed');
    if (bytes.length > MAX_BYTES) return systemError('EMSGSIZE', `send EMSGSIZE ${host}:${port}`);
    const address = this.kernel.addressOf(host);
    if (address === undefined) return systemError('ENOTFOUND', `getaddrinfo ENOTFOUND ${host}`);
    this.kernel.sendDatagram(this, address, port, Buffer.from(bytes));
    return null;
  }

  join(): void {
    throw noMulticast('addMembership');
  }

  leave(): void {
    throw noMulticast('dropMembership');
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.kernel.freePortOf(this);
    this.process.nextTurn(() => this.user?.closed());
  }

  // --- what its kernel reports ---

  /** A datagram has come. */
  arrived(bytes: Buffer, host: string, port: number): void {
    const { peer } = this;
    if (peer !== undefined && (peer.host !== host || peer.port !== port)) return;
    this.process.nextTurn(() => {
      if (!this.isClosed) this.user!.arrived(bytes, host, port, 'IPv4');
    });
  }

  /** A machine or a router has answered that a datagram cannot be delivered: systems report it to sockets with one peer. */
  refused(code: 'ECONNREFUSED' | 'EHOSTUNREACH', host: string, port: number): void {
    const { peer } = this;
    if (peer === undefined || peer.host !== host || peer.port !== port) return;
    this.process.nextTurn(() => {
      if (!this.isClosed) this.user!.caught(systemError(code, `recvmsg ${code} ${host}:${port}`));
    });
  }
}
