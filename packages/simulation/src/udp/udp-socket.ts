import { Buffer } from 'node:buffer';
import type {
  Address,
  Clock,
  DatagramPlace,
  DatagramSettings,
  DatagramSocket,
  DatagramSocketUser,
  MulticastGroup,
} from '@headrace/core';
import { isEveryAddress, systemError, toError } from '@headrace/core/authoring';

/** Maximum size of a datagram in IPv4, in bytes. */
const MAX_BYTES = 65_507;

/** Returns true for multicast addresses of IPv4. A simulated network has no other multicast addresses. */
export function isMulticast(address: string): boolean {
  return /^(22[4-9]|23\d)\.\d+\.\d+\.\d+$/.test(address);
}

/** A mark in place of a sender, for a group that accepts all senders. */
const ANYBODY = '';

/** The part of a host's kernel that its datagram sockets use. */
export interface UdpKernel {
  readonly address: string;
  /** Reserves a port, or any free port for 0. Returns the port, or an error if it is not available. */
  takePort(port: number, socket: UdpSocket): number | Error;
  freePortOf(socket: UdpSocket): void;
  /** Returns the address of a host, or `undefined` for an unknown name. */
  addressOf(nameOrAddress: string): string | undefined;
  sendDatagram(from: UdpSocket, host: string, port: number, bytes: Buffer): void;
}

/** A datagram socket on a simulated host. */
export class UdpSocket implements DatagramSocket {
  readonly unsentBytes = 0;
  localAddress: Address | undefined = undefined;
  remoteAddress: Address | undefined = undefined;
  port = 0;
  private readonly kernel: UdpKernel;
  private readonly process: Clock;
  private readonly place: DatagramPlace;
  private readonly settings: DatagramSettings;
  /** The accepted senders of each group that the socket has joined. */
  private readonly groups = new Map<string, Set<string>>();
  private user: DatagramSocketUser | undefined = undefined;
  private peer: { readonly host: string; readonly port: number } | undefined = undefined;
  private isClosed = false;

  /** @param process - process of the socket; after the end of the process, reports are lost */
  constructor(kernel: UdpKernel, process: Clock, place: DatagramPlace, settings: DatagramSettings) {
    this.kernel = kernel;
    this.process = process;
    this.place = place;
    this.settings = settings;
  }

  /** Whether other sockets of the host can use the same port. */
  get sharesPort(): boolean {
    return this.settings.reuseAddr || this.settings.reusePort;
  }

  /** Whether datagrams to a group reach the members on the same host. */
  get reachesOwnHost(): boolean {
    return this.settings.multicastLoopback !== false;
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
    if (!isEveryAddress(host) && kernel.addressOf(host) !== kernel.address) {
      user.failed(systemError('EADDRNOTAVAIL', `bind EADDRNOTAVAIL ${host}`));
      return;
    }
    try {
      for (const group of place.groups) this.join(group);
    } catch (refused) {
      user.failed(toError(refused));
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

  join(wanted: MulticastGroup): void {
    const { group } = wanted;
    if (!isMulticast(group)) {
      throw systemError('EINVAL', `addMembership EINVAL: ${group} is not a group of IPv4`);
    }
    const source = this.sourceOf(wanted);
    const sources = this.groups.get(group) ?? new Set();
    if (sources.has(source)) throw systemError('EADDRINUSE', `addMembership EADDRINUSE ${group}`);
    this.groups.set(group, sources.add(source));
  }

  leave(wanted: MulticastGroup): void {
    const { group } = wanted;
    const sources = this.groups.get(group);
    if (sources?.delete(this.sourceOf(wanted)) !== true) {
      throw systemError('EADDRNOTAVAIL', `dropMembership EADDRNOTAVAIL ${group}`);
    }
  }

  private sourceOf({ source }: MulticastGroup): string {
    return source === undefined ? ANYBODY : (this.kernel.addressOf(source) ?? source);
  }

  /** Returns true if the socket has joined the group for this sender. */
  hears(group: string, sender: string): boolean {
    const sources = this.groups.get(group);
    return sources !== undefined && (sources.has(ANYBODY) || sources.has(sender));
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.kernel.freePortOf(this);
    this.process.nextTurn(() => this.user?.closed());
  }

  // --- what its kernel reports ---

  arrived(bytes: Buffer, host: string, port: number): void {
    const { peer } = this;
    if (peer !== undefined && (peer.host !== host || peer.port !== port)) return;
    this.process.nextTurn(() => {
      if (!this.isClosed) this.user!.arrived(bytes, host, port, 'IPv4');
    });
  }

  /**
   * Handles a report from a host or router: a datagram cannot be delivered. Systems pass such a report only to sockets with
   * one peer.
   */
  refused(code: 'ECONNREFUSED' | 'EHOSTUNREACH', host: string, port: number): void {
    const { peer } = this;
    if (peer === undefined || peer.host !== host || peer.port !== port) return;
    this.process.nextTurn(() => {
      if (!this.isClosed) this.user!.caught(systemError(code, `recvmsg ${code} ${host}:${port}`));
    });
  }
}
