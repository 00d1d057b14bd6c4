import { Buffer } from 'node:buffer';
import type { Clock } from '@headrace/core';
import { RecentMap } from '@headrace/core/authoring';
import type { Msg, NatsConnection } from '@nats-io/transport-node';

/** Maximum number of scopes that other nodes have asked for. */
const MAX_HOLDS = 1024;

/** The parts of {@link StateTurns}. */
export interface StateTurnsParts {
  readonly connection: NatsConnection;
  /** The subject on which a node asks the others to let it write. */
  readonly turns: string;
  /** The name of this process. */
  readonly name: string;
  readonly clock: Clock;
  /** Maximum time for which a node lets another node write first. */
  readonly maxHoldMs: number;
}

/**
 * The turns of the nodes that write the same scope: a key, or the whole state. A node that another node was before asks the others for as
 * long as it needs for a change, so a node with a slow link is not always the second one.
 */
export class StateTurns {
  private readonly parts: StateTurnsParts;
  /** How often other nodes were first for the next change of a scope. */
  private readonly races = new Map<string, number>();
  /** The times up to which other nodes have asked for scopes. */
  private readonly holds = new RecentMap<number>(MAX_HOLDS);

  constructor(parts: StateTurnsParts) {
    this.parts = parts;
  }

  /** Another node asks for time to write. */
  asked(message: Msg): void {
    const { name, clock, maxHoldMs } = this.parts;
    const [writer, ms, scope] = Buffer.from(message.data).toString('latin1').split(' ');
    const isTime = Number(ms) > 0 && Number(ms) <= maxHoldMs;
    if (writer === name || !isTime || scope === undefined) return;
    const until = clock.now() + Number(ms);
    this.holds.use(scope, Math.max(this.holds.peek(scope) ?? 0, until));
  }

  /** Asks the other nodes for as long as this node needs: for a look, a change, and the way of this message. */
  lost(scope: string, begunAt: number): void {
    const { clock, connection, turns, name, maxHoldMs } = this.parts;
    this.races.set(scope, this.racesOf(scope) + 1);
    const ms = Math.min(maxHoldMs, Math.ceil((clock.now() - begunAt) * 2) + 1);
    connection.publish(turns, Buffer.from(`${name} ${ms} ${scope}`, 'latin1'));
  }

  /** The next change of a scope has an answer. */
  done(scope: string): void {
    this.races.delete(scope);
  }

  racesOf(scope: string): number {
    return this.races.get(scope) ?? 0;
  }

  /** Returns the time up to which another node has asked for a scope, or 0. A node that has lost against others does not wait. */
  heldUntil(scope: string): number {
    const until = this.races.has(scope) ? 0 : (this.holds.peek(scope) ?? 0);
    return until > this.parts.clock.now() ? until : 0;
  }
}
