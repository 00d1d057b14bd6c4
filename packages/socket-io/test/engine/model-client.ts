// A client of Engine.IO 4, as the reference's own behaves: one poll and one POST at a time, an upgrade that first ends both.
import { Buffer } from 'node:buffer';
import {
  type Got,
  type ModelNetwork,
  ModelRequest,
  ModelSocket,
  type Sent,
} from './model-network.ts';
import type { ModelServer } from './model-server.ts';

const SEPARATOR = '\x1e';

export interface ClientPlan {
  readonly first: 'polling' | 'websocket';
  readonly upgrades: boolean;
}

export class ModelClient {
  /** The messages that the application has got. */
  readonly got: string[] = [];
  /** Why the connection has ended for the client. */
  end: string | undefined = undefined;
  transport: 'polling' | 'websocket';
  isOpen = false;
  private readonly network: ModelNetwork;
  private readonly server: ModelServer;
  private readonly plan: ClientPlan;
  private buffer: Sent[] = [];
  private isPolling = false;
  private isPosting = false;
  private isUpgrading = false;
  private isClosing = false;
  private socket: ModelSocket | undefined = undefined;
  private timer: { cancel(): void } | undefined = undefined;

  constructor(network: ModelNetwork, server: ModelServer, plan: ClientPlan) {
    this.network = network;
    this.server = server;
    this.plan = plan;
    this.transport = plan.first;
    if (plan.first === 'polling') this.poll();
    else this.openSocket();
    this.lives();
  }

  /** Sends a message, as bytes if its number is odd. */
  emit(text: string): void {
    const isBytes = text.endsWith('1');
    this.sends(isBytes ? Buffer.from(text) : `4${text}`);
  }

  /** Ends the connection after what waits. */
  close(): void {
    this.isClosing = true;
    this.flush();
  }

  private sends(packet: Sent): void {
    if (this.isClosing || this.end !== undefined) return;
    this.buffer.push(packet);
    this.flush();
  }

  private flush(): void {
    if (!this.isOpen || this.isUpgrading || this.isPosting || this.end !== undefined) return;
    if (this.buffer.length === 0) {
      if (this.isClosing) this.leave();
      return;
    }
    const packets = this.buffer;
    this.buffer = [];
    if (this.transport === 'websocket') {
      for (const packet of packets) this.socket!.says(packet);
      this.flush();
    } else this.post(packets.map(textOf).join(SEPARATOR));
  }

  private leave(): void {
    this.ended('forced close');
    if (this.transport === 'websocket') this.socket!.leave();
    else this.post('1');
  }

  // --- polling ---

  private poll(): void {
    this.isPolling = true;
    new ModelRequest(
      this.network,
      'GET',
      (request) => this.server.poll(request),
      (got) => this.polled(got),
    );
  }

  private polled(got: Got): void {
    if (this.end !== undefined) return;
    if (typeof got !== 'string') {
      this.ended(got === undefined ? 'transport error' : `refused ${got}`);
      return;
    }
    for (const packet of got.split(SEPARATOR)) {
      this.received(packet.startsWith('b') ? Buffer.from(packet.slice(1), 'base64') : packet);
      if (this.end !== undefined) return;
    }
    this.isPolling = false;
    if (this.isUpgrading) this.tryUpgrade();
    else if (this.transport === 'polling') this.poll();
  }

  private post(body: string): void {
    this.isPosting = true;
    new ModelRequest(
      this.network,
      'POST',
      (request) => this.server.post(request, body),
      (got) => {
        this.isPosting = false;
        if (this.end !== undefined) return;
        if (got !== 'ok') this.ended(got === undefined ? 'transport error' : `refused ${got}`);
        else if (this.isUpgrading) this.tryUpgrade();
        else this.flush();
      },
    );
  }

  // --- the WebSocket ---

  private openSocket(): void {
    const socket = new ModelSocket(this.network);
    const isUpgrade = this.isOpen;
    this.socket = socket;
    socket.received = (packet) => this.receivedBy(socket, packet);
    socket.closed = () => this.socketClosed();
    this.network.later(() => this.server.webSocket(socket, isUpgrade));
    // The client hears that the WebSocket is open after the server has opened it.
    if (isUpgrade) this.network.later(() => socket.says('2probe'), 160);
  }

  private receivedBy(socket: ModelSocket, packet: Sent): void {
    if (this.end !== undefined || socket !== this.socket) return;
    if (this.transport === 'websocket') this.received(packet);
    else if (packet === '3probe') {
      this.isUpgrading = true;
      this.tryUpgrade();
    }
  }

  private tryUpgrade(): void {
    if (this.isPolling || this.isPosting || this.socket === undefined) return;
    this.transport = 'websocket';
    this.socket.says('5');
    this.isUpgrading = false;
    this.flush();
  }

  private socketClosed(): void {
    if (this.transport === 'websocket') this.ended('transport close');
    // A client that has ended its polls stays without a transport, and finds out by its ping.
    else this.socket = undefined;
  }

  // --- packets ---

  private received(packet: Sent): void {
    if (typeof packet !== 'string') {
      this.got.push(packet.toString());
      return;
    }
    const type = packet.charAt(0);
    if (type === '0') this.opened();
    else if (type === '1') this.ended('transport close');
    else if (type === '2') {
      this.lives();
      this.sends('3');
    } else if (type === '4') this.got.push(packet.slice(1));
  }

  private opened(): void {
    this.isOpen = true;
    if (this.plan.upgrades && this.transport === 'polling') this.openSocket();
    this.flush();
  }

  private lives(): void {
    this.timer?.cancel();
    const { pingIntervalMs, pingTimeoutMs } = this.server.settings;
    const ms = pingIntervalMs + pingTimeoutMs;
    this.timer = this.network.clock.schedule(() => {
      this.ended('ping timeout');
      this.socket?.leave();
      for (const request of this.network.requests) request.cut();
    }, ms);
  }

  private ended(why: string): void {
    if (this.end !== undefined) return;
    this.end = why;
    this.isOpen = false;
    this.timer?.cancel();
  }
}

function textOf(packet: Sent): string {
  return typeof packet === 'string' ? packet : `b${packet.toString('base64')}`;
}
