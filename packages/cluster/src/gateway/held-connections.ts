import type { Channel, Context } from '@headrace/core';
import type { Cluster } from '../cluster/cluster.ts';

interface Held {
  readonly ctx: Context;
  readonly groups: Set<string>;
  readonly users: Set<string>;
  session: Record<string, unknown>;
}

/** The connections of a gateway with their groups, users and sessions: they end with the gateway, with nobody else. */
export class HeldConnections {
  private readonly cluster: Cluster<never>;
  private readonly held = new Map<number, Held>();

  constructor(cluster: Cluster<never>) {
    this.cluster = cluster;
  }

  add(id: number, ctx: Context): void {
    this.held.set(id, { ctx, groups: new Set(), users: new Set(), session: {} });
    ctx.channel.onClosed(() => this.held.delete(id));
  }

  /** Carries out a command of a worker. @throws what is wrong with it */
  command(command: Record<string, unknown>): unknown {
    const { op, name, message, changes, isNew, reason } = command;
    const chosen = this.chosen(command);
    switch (op) {
      case 'send':
        for (const [, { ctx }] of chosen) ctx.writeAndFlush(message);
        return chosen.length;
      case 'close':
        for (const [, { ctx }] of chosen) {
          if (message !== undefined) ctx.writeAndFlush(message);
          ctx.channel.end({ reason: String(reason) as never });
        }
        return chosen.length;
      case 'join':
        for (const [, one] of chosen) this.join(one, textOf(name));
        return chosen.length;
      case 'leave':
        for (const [, one] of chosen) {
          one.groups.delete(textOf(name));
          this.cluster.group(textOf(name)).remove(one.ctx.channel);
        }
        return chosen.length;
      case 'bind':
        for (const [, one] of chosen) {
          one.users.add(textOf(name));
          this.cluster.users.bind(textOf(name), one.ctx.channel);
        }
        return chosen.length;
      case 'unbind':
        for (const [, one] of chosen) {
          one.users.delete(textOf(name));
          this.cluster.users.unbind(textOf(name), one.ctx.channel);
        }
        return chosen.length;
      case 'session':
        for (const [, one] of chosen) {
          one.session = { ...(isNew === true ? {} : one.session), ...(changes as object) };
        }
        return chosen.length;
      case 'list':
        return chosen.map(([number, { users, groups, session }]) => ({
          id: this.idOf(number),
          users: [...users],
          groups: [...groups],
          session,
        }));
      default:
        throw new Error(`connections have no command ${String(op)}`);
    }
  }

  private idOf(number: number): string {
    return `${this.cluster.nodeId}:${number}`;
  }

  private join(one: Held, name: string): void {
    const { channel } = one.ctx;
    this.cluster.group(name).add(channel);
    one.groups.add(name);
  }

  private chosen({ ids, group, user, except }: Record<string, unknown>): [number, Held][] {
    const without = new Set(Array.isArray(except) ? except : []);
    const numbers = Array.isArray(ids) ? new Set<unknown>(ids) : undefined;
    const isChosen = (id: number, { ctx, groups, users }: Held): boolean => {
      if (without.has(this.idOf(id)) || !isOpen(ctx.channel)) return false;
      if (numbers !== undefined) return numbers.has(id);
      if (group !== undefined) return groups.has(textOf(group));
      return user === undefined || users.has(textOf(user));
    };
    return [...this.held].filter(([id, one]) => isChosen(id, one));
  }
}

function isOpen(channel: Channel): boolean {
  return channel.isActive && !channel.isEnding;
}

function textOf(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new Error('a command about connections without a name');
}
