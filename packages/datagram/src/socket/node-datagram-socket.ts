import type { Buffer } from 'node:buffer';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { isIP } from 'node:net';
import {
  type Address,
  type DatagramPlace,
  type DatagramSettings,
  type DatagramSocket,
  type DatagramSocketUser,
  type MulticastGroup,
  systemClock,
} from '@headrace/core';
import { toError } from '@headrace/core/authoring';

/** A socket of `node:dgram` that uses only its public API. */
export class NodeDatagramSocket implements DatagramSocket {
  private readonly place: DatagramPlace;
  private readonly settings: DatagramSettings;
  private user!: DatagramSocketUser;
  private socket: dgram.Socket | undefined = undefined;
  private isBound = false;
  private isClosed = false;
  localAddress: Address | undefined = undefined;
  remoteAddress: Address | undefined = undefined;

  constructor(place: DatagramPlace, settings: DatagramSettings) {
    this.place = place;
    this.settings = settings;
  }

  get unsentBytes(): number {
    if (!this.isBound || this.isClosed) return 0;
    // Deno's sockets do not tell.
    return this.socket!.getSendQueueSize?.() ?? 0;
  }

  open(user: DatagramSocketUser): void {
    this.user = user;
    // Node reports some failures during its calls, so the bind runs after this call.
    systemClock.execute(() => this.bind());
  }

  private bind(): void {
    if (this.isClosed) {
      this.user.closed();
      return;
    }
    const { place, user } = this;
    try {
      const socket = this.makeSocket();
      this.socket = socket;
      socket.on('error', (error) => (this.isBound ? user.caught(error) : this.fail(error)));
      socket.on('close', () => user.closed());
      socket.once('listening', () => this.attempt(() => this.listening(socket)));
      const address = place.host === undefined ? {} : { address: place.host };
      // Without `exclusive`, all workers of node:cluster have one socket, and each datagram reaches any of them.
      socket.bind({ port: place.port, exclusive: true, ...address });
    } catch (thrown) {
      this.fail(toError(thrown));
    }
  }

  private makeSocket(): dgram.Socket {
    const { family, ipv6Only, reuseAddr, reusePort } = this.settings;
    const options = {
      type: family === 6 ? 'udp6' : 'udp4',
      ipv6Only,
      reuseAddr,
      ...(reusePort && { reusePort }),
      lookup: this.lookup,
    };
    return dgram.createSocket(options as dgram.SocketOptions);
  }

  /** Skips the lookup for an address. Node's own lookup takes a tick even for an address. */
  private readonly lookup = (
    host: string,
    family: number | dns.LookupOneOptions,
    done: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
  ): void => {
    const kind = this.isBound ? isIP(host) : 0;
    if (kind === 0) dns.lookup(host, family as dns.LookupOneOptions, done);
    else done(null, host, kind);
  };

  private listening(socket: dgram.Socket): void {
    const { settings, place } = this;
    this.localAddress = addressOf(socket.address());
    // Set here, because Node would set the socket's options where nobody can catch a refusal of the system.
    if (settings.receiveBufferBytes !== undefined)
      socket.setRecvBufferSize(settings.receiveBufferBytes);
    if (settings.sendBufferBytes !== undefined) socket.setSendBufferSize(settings.sendBufferBytes);
    if (settings.broadcast) socket.setBroadcast(true);
    if (settings.ttl !== undefined) socket.setTTL(settings.ttl);
    if (settings.multicastTtl !== undefined) socket.setMulticastTTL(settings.multicastTtl);
    if (settings.multicastLoopback !== undefined)
      socket.setMulticastLoopback(settings.multicastLoopback);
    if (settings.multicastInterface !== undefined)
      socket.setMulticastInterface(settings.multicastInterface);
    for (const group of place.groups) this.join(group);
    const { peer } = place;
    if (peer === undefined) {
      this.ready(socket);
      return;
    }
    socket.once('connect', () => {
      this.localAddress = addressOf(socket.address());
      this.remoteAddress = addressOf(socket.remoteAddress());
      this.ready(socket);
    });
    socket.connect(peer.port, peer.host);
  }

  private ready(socket: dgram.Socket): void {
    this.isBound = true;
    const { user, remoteAddress: peer } = this;
    socket.on('message', (bytes: Buffer, { address, port, family }: dgram.RemoteInfo) => {
      // The kernel received the datagram before the socket had a peer.
      if (peer !== undefined && !isFrom(peer, address, port)) return;
      user.arrived(bytes, address, port, family);
    });
    user.bound();
  }

  private attempt(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      this.fail(toError(thrown));
    }
  }

  private fail(error: Error): void {
    if (!this.isClosed) this.user.failed(error);
  }

  send(
    bytes: Uint8Array,
    host: string | undefined,
    port: number,
    sent: (error: Error | null) => void,
  ): void {
    try {
      if (host === undefined) this.socket!.send(bytes, sent);
      else this.socket!.send(bytes, port, host, sent);
    } catch (thrown) {
      // The socket is closed. Outcomes are always reported after this call.
      const error = toError(thrown);
      systemClock.execute(() => sent(error));
    }
  }

  join({ group, source, interface: place }: MulticastGroup): void {
    if (source === undefined) this.socket!.addMembership(group, place);
    else this.socket!.addSourceSpecificMembership(source, group, place);
  }

  leave({ group, source, interface: place }: MulticastGroup): void {
    if (source === undefined) this.socket!.dropMembership(group, place);
    else this.socket!.dropSourceSpecificMembership(source, group, place);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    // Before `bind`, that method reports the end.
    this.socket?.close();
  }
}

function isFrom(peer: Address, host: string, port: number): boolean {
  return 'host' in peer && peer.host === host && peer.port === port;
}

function addressOf({ address, port, family }: ReturnType<dgram.Socket['address']>): Address {
  return { host: address, port, family: family === 'IPv6' ? 'IPv6' : 'IPv4' };
}
