import type { Buffer } from 'node:buffer';
import type { Clock, Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { StateCopyPage } from '../../log/state-copy.ts';
import type { StateEntry } from '../../log/state-log.ts';
import type { MeshCopies } from './mesh-copies.ts';
import { STATES, stateFrame } from './mesh-frame.ts';
import type { MeshPeer } from './mesh-peer.ts';
import type { MeshPeers } from './mesh-peers.ts';
import { MeshRequests, type Outcome } from './mesh-requests.ts';
import {
  OP,
  type StateFields,
  type StateRank,
  stateBytes,
  type Written,
} from './mesh-state-frame.ts';

/** The link of a {@link StateNode}. */
export interface StatesLink {
  readonly id: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly peers: MeshPeers;
  readonly copies: MeshCopies;
}

/**
 * One node of the mesh, as the parts of its store use it: its copies, its clock, and what it says to the other nodes that have the
 * store. Each part declares the members that it uses.
 */
export class StateNode {
  readonly id: string;
  readonly peers: MeshPeers;
  readonly copies: MeshCopies;
  readonly requests: MeshRequests;
  readonly random: () => number;
  private readonly clock: Clock;
  private readonly timers = new Set<Timer>();
  private isClosed = false;

  constructor({ id, clock, random, peers, copies }: StatesLink) {
    this.id = id;
    this.clock = clock;
    this.random = random;
    this.peers = peers;
    this.copies = copies;
    this.requests = new MeshRequests(clock);
    peers.subscribe(STATES);
  }

  /** Whether the link has ended. */
  get isOver(): boolean {
    return this.isClosed;
  }

  close(): void {
    this.isClosed = true;
    for (const timer of this.timers) timer.cancel();
    this.requests.close();
  }

  now(): number {
    return this.clock.now();
  }

  /** Runs a task later, unless the link has ended. */
  later(task: () => void, delayMs: number): void {
    if (this.isClosed) return;
    const timer = this.clock.schedule(() => {
      this.timers.delete(timer);
      task();
    }, delayMs);
    this.timers.add(timer);
  }

  /** Runs a task after the current event. */
  execute(task: () => void): void {
    this.clock.execute(task);
  }

  /** Returns the id of an epoch. */
  epoch(): string {
    return `${this.id}-${Math.floor(this.random() * 2 ** 32).toString(36)}`;
  }

  /** The connected nodes that have the store. */
  stores(): ReadonlySet<MeshPeer> {
    return this.peers.listeners(STATES);
  }

  /** Sends a frame that is never lost while the connection lives. */
  tell(peer: MeshPeer, op: number, fields: readonly unknown[]): void {
    peer.tell(stateFrame(stateBytes([op, ...fields])));
    this.peers.flushSoon(peer);
  }

  /** Sends like `tell`. Returns false if too much waits for the node already. */
  send(
    peer: MeshPeer,
    op: number,
    fields: readonly unknown[],
    values: readonly Buffer[] = [],
  ): boolean {
    this.peers.flushSoon(peer);
    return peer.send(stateFrame(stateBytes([op, ...fields], values)));
  }

  /** Asks a node. */
  ask<T>(
    peer: MeshPeer,
    op: number,
    { fields, values }: Written,
    read: (fields: StateFields) => T,
    outcome: Outcome<T>,
  ): void {
    let number: number;
    try {
      number = this.requests.begin(peer, read, outcome);
    } catch (thrown) {
      outcome.failed(toError(thrown));
      return;
    }
    const isSent = this.send(peer, op, [number, ...fields], values);
    if (!isSent) this.requests.refused(peer, number, `the node ${peer.name} reads too slowly`);
  }

  /** Asks for the page of a state after an offset. */
  askForCopy(
    peer: MeshPeer,
    stream: string,
    { epoch, offset, readFrom }: { epoch: string; offset: number; readFrom: number },
    outcome: Outcome<StateCopyPage & { readonly isWhole: boolean }>,
  ): void {
    const read = (fields: StateFields) => ({ isWhole: fields.flag(), ...fields.copyPage() });
    const written = { fields: [stream, epoch, offset, readFrom], values: [] };
    this.ask(peer, OP.copy, written, read, outcome);
  }

  /** Asks a keeper for its newest change. */
  askForNewest(keeper: MeshPeer, stream: string, outcome: Outcome<StateEntry | undefined>): void {
    const read = (fields: StateFields) => fields.entryOrNone();
    this.ask(keeper, OP.newest, { fields: [stream], values: [] }, read, outcome);
  }

  /** Asks a node to become the keeper. Resolves when it is. */
  askToKeep(peer: MeshPeer, stream: string): Promise<void> {
    return new Promise((done, failed) => {
      this.ask(peer, OP.keep, { fields: [stream], values: [] }, () => {}, { done, failed });
    });
  }

  /** Asks a node for its promise. Resolves with the rank of its copy, and rejects for an objection. */
  prepare(peer: MeshPeer, stream: string): Promise<StateRank | undefined> {
    const read = (fields: StateFields) => (fields.none() ? undefined : fields.rank());
    return new Promise((done, failed) => {
      this.ask(peer, OP.prepare, { fields: [stream], values: [] }, read, { done, failed });
    });
  }
}
