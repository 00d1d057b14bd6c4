import type { BusSubscription } from '@headrace/bus';
import type { Timer } from '@headrace/core';
import { WatchedEmitter } from '@headrace/core/authoring';
import { decodeBody } from '../envelope/body.ts';
import { type Envelope, KIND } from '../envelope/envelope.ts';
import { type DirectoryAction, DirectoryMachine } from './directory-machine.ts';
import {
  type Heartbeat,
  type NodeInfo,
  type NodeState,
  type NodeStatus,
  type PresenceMark,
  toHeartbeat,
} from './node-info.ts';
import type { Wire } from './wire.ts';

/** Events of a {@link Directory} about other nodes. */
export interface DirectoryEvents {
  /** A node has joined, for the first time or again. */
  joined: [node: NodeInfo];
  /** The state, the figures or the life of a node has changed. */
  changed: [node: NodeInfo];
  /** A node has left, or sent no heartbeat for 5 s. */
  left: [node: NodeInfo, reason: 'left' | 'node-gone'];
  ownState: [];
  /** A node that sent messages, but never a heartbeat, is silent now. */
  vanished: [id: string];
  /** A heartbeat contained the number of the node's last presence message. */
  marked: [id: string, mark: PresenceMark];
}

const HEARTBEAT_MS = 1000;
/** Random ids do not collide twice, so a second collision within this time is forged. */
const RENAME_EVERY_MS = 60_000;
const TIMES = { suspectMs: 3000, goneMs: 5000, forgetMs: 60_000 };

/** The nodes of a cluster, by their heartbeats on the bus. No store is needed, so no store can be wrong or unavailable. */
export class Directory extends WatchedEmitter<DirectoryEvents> {
  /** Returns the newest presence of this node, for its heartbeats. */
  ownMark: () => PresenceMark | undefined = () => undefined;
  /** Numbers from other nodes. The numbers of a node that is gone for good are forgotten. */
  readonly heardLines = new Set<{ forget(node: string): void }>();
  private readonly wire: Wire;
  private readonly status: () => NodeStatus;
  private readonly machine = new DirectoryMachine(TIMES);
  private readonly nonce: string;
  private subscription: BusSubscription | undefined = undefined;
  private timer: Timer | undefined = undefined;
  /** The time at which a heartbeat of this node came back last. Until then, the bus has delivered. */
  private echoAt = 0;
  private announced: NodeState = 'ready';
  private renamedAt = Number.NEGATIVE_INFINITY;

  constructor(wire: Wire, status: () => NodeStatus) {
    super();
    this.wire = wire;
    this.status = status;
    this.nonce = wire.randomText(8);
  }

  start(): void {
    const { clock } = this.wire.host;
    this.echoAt = clock.now();
    this.subscription = this.wire.listenToAll(this.wire.subjects.nodes, (envelope) =>
      this.heard(envelope),
    );
    this.wire.bus.on('up', this.onUp);
    this.setWill();
    this.wire.onRenamed(() => this.setWill());
    this.look();
  }

  /** Returns the other nodes that are not gone. */
  others(): NodeInfo[] {
    return this.machine.list();
  }

  get own(): NodeStatus {
    return this.status();
  }

  get(id: string): NodeInfo | undefined {
    return this.machine.get(id);
  }

  /** Returns true for a node that is not gone. A node that has sent messages, but no heartbeat yet, counts too. */
  isAlive(id: string): boolean {
    return this.machine.isAlive(id);
  }

  /**
   * Notes a message of a node, so that `left` or `vanished` follows when the node is gone. Returns false if too many nodes are
   * known.
   */
  noteActivity(id: string): boolean {
    return this.machine.noteActivity(id, this.wire.host.clock.now());
  }

  /** Sends a heartbeat now. */
  announce(): void {
    const presence = this.ownMark();
    const heartbeat: Heartbeat = { ...this.status(), nonce: this.nonce, presence };
    if (heartbeat.state !== this.announced) this.emit('ownState');
    this.announced = heartbeat.state;
    this.wire.sendJson(this.wire.subjects.nodes, KIND.heartbeat, heartbeat);
  }

  /** Lets the other nodes know at once if this process ends without leaving. Not every bus can notice this end. */
  private setWill(): void {
    const { wire, nonce } = this;
    const heartbeat: Heartbeat = { ...this.status(), state: 'left', nonce, isGone: true };
    wire.setWill(wire.subjects.nodes, KIND.heartbeat, heartbeat);
  }

  stop(): void {
    this.timer?.cancel();
    this.subscription?.close();
    this.wire.bus.off('up', this.onUp);
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    this.wire.host.logger.log('error', `a listener of the directory’s ${event} threw`, error);
  }

  private readonly onUp = (): void => {
    this.announce();
  };

  private look(): void {
    const { clock } = this.wire.host;
    const now = clock.now();
    // Kept messages must not include heartbeats, because one is sent with `up`.
    if (this.wire.bus.state === 'up') this.announce();
    // While the bus is silent or down, or this process stands still, the silence of a node means nothing.
    this.execute(this.machine.look(Math.min(now, this.echoAt + HEARTBEAT_MS)));
    this.timer = clock.schedule(() => this.look(), HEARTBEAT_MS);
  }

  private heard(envelope: Envelope): void {
    if (envelope.kind !== KIND.heartbeat)
      throw new Error(`unexpected broadcast kind ${envelope.kind}`);
    const heartbeat = toHeartbeat(decodeBody(envelope));
    // A will needs no time, because its node has ended.
    if (envelope.time === 0 && heartbeat.isGone !== true)
      throw new Error('a heartbeat without a time');
    if (envelope.node !== this.wire.nodeId) {
      const { node } = envelope;
      this.execute(this.machine.heard(node, heartbeat, this.wire.host.clock.now()));
      const { presence } = heartbeat;
      if (presence !== undefined && this.isAlive(node)) this.emit('marked', node, presence);
    } else if (heartbeat.nonce === this.nonce) this.echoed();
    else this.collided();
  }

  private echoed(): void {
    const now = this.wire.host.clock.now();
    const deafMs = now - this.echoAt - HEARTBEAT_MS;
    if (deafMs > 0) this.machine.suspended(deafMs, now);
    this.echoAt = now;
  }

  private collided(): void {
    const { clock, logger } = this.wire.host;
    const now = clock.now();
    if (now - this.renamedAt < RENAME_EVERY_MS) return;
    this.renamedAt = now;
    logger.log('warn', `another node has the id ${this.wire.nodeId}: both take new ones`);
    this.announce();
    this.wire.rename();
    this.announce();
  }

  private forgotten(id: string): void {
    this.wire.forget(this.wire.subjects.node(id));
    for (const lines of this.heardLines) lines.forget(id);
  }

  private execute(actions: readonly DirectoryAction[]): void {
    for (const action of actions) {
      if (action.do === 'forgotten') this.forgotten(action.id);
      else if (action.do === 'left') this.emit('left', action.node, action.reason);
      else if ('id' in action) this.emit(action.do, action.id);
      else this.emit(action.do, action.node);
    }
  }
}
