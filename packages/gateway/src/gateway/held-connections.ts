import { Buffer } from 'node:buffer';
import type { Cluster } from '@headrace/cluster';
import {
  additionOf,
  commandsOf,
  groupsOf,
  type NodeGroups,
  portOf,
} from '@headrace/cluster/authoring';
import type { Channel, Context } from '@headrace/core';
import { writeToEach } from '@headrace/core/authoring';
import type { GatewayPort } from './gateway-port.ts';
import { checkAttributes, type GatewayAttributes } from './worker-connection.ts';

/** A connection, as its gateway describes it. */
export interface ConnectionInfo {
  /** The id of the connection in the cluster: the node and a number. */
  readonly id: string;
  /** The users that the connection is bound to. The user of an AuthHandler is not included. */
  readonly users: readonly string[];
  /** The groups that the connection is a member of. */
  readonly groups: readonly string[];
  /** A copy of the connection's session. */
  readonly session: GatewayAttributes;
}

/** A part of the list of a gateway's connections, ordered by number. */
export interface ConnectionPage {
  readonly connections: readonly ConnectionInfo[];
  /** The number of the last connection in the page, if more follow. */
  readonly next: number | undefined;
}

interface Held {
  readonly number: number;
  readonly ctx: Context;
  session: GatewayAttributes;
}

/** Maximum size of a page. A single connection can exceed the maximum. */
const MAX_PAGE_BYTES = 262_144;

/**
 * The connections of a gateway with their sessions, and the listeners of the HTTP API of its node. A session ends with its
 * connection or gateway, not with a worker.
 */
export class HeldConnections {
  private readonly cluster: Cluster<never>;
  private readonly groups: NodeGroups;
  private readonly port: Pick<GatewayPort, 'maxBodyBytes'>;
  private readonly held = new Map<number, Held>();
  private readonly byChannel = new Map<Channel, Held>();
  private lastNumber = 0;
  /** The gateways and APIs with connections here. */
  private readonly services = new Set<object>();
  private stop = (): void => {};

  constructor(cluster: Cluster<never>, port: Pick<GatewayPort, 'maxBodyBytes'>) {
    this.cluster = cluster;
    this.groups = groupsOf(cluster);
    this.port = port;
  }

  /** Carries out the commands of all nodes for a service. Returns a function that ends this. A second call has no effect. */
  serve(): () => void {
    const service = {};
    if (this.services.size === 0) {
      this.stop = commandsOf(this.cluster).serve((command) => this.command(command));
    }
    this.services.add(service);
    return () => {
      if (this.services.delete(service) && this.services.size === 0) this.stop();
    };
  }

  /** Returns the number of the next connection. */
  number(): number {
    this.lastNumber += 1;
    return this.lastNumber;
  }

  add(number: number, ctx: Context): void {
    const { channel } = ctx;
    const one: Held = { number, ctx, session: {} };
    this.held.set(number, one);
    this.byChannel.set(channel, one);
    channel.onClosed(() => {
      this.held.delete(number);
      this.byChannel.delete(channel);
    });
  }

  /** Carries out a command of a worker. @throws an error for an invalid command */
  command(command: Record<string, unknown>): unknown {
    const { op, name, changes, isNew, reason, after, limit } = command;
    const chosen = this.chosen(command);
    const message = messageOf(command);
    const { users } = this.cluster;
    switch (op) {
      case 'send':
      case 'send-bytes':
        return written(chosen, message);
      case 'close':
      case 'close-bytes':
        writeToEach(chosen, ({ ctx }) => {
          if (message !== undefined) ctx.writeAndFlush(message);
          ctx.channel.end({ reason: String(reason) as never });
        });
        break;
      case 'join':
        for (const { ctx } of chosen) this.groups.joined(textOf(name)).add(ctx.channel);
        break;
      case 'leave':
        for (const { ctx } of chosen) this.groups.known(textOf(name))?.remove(ctx.channel);
        break;
      case 'bind':
        for (const { ctx } of chosen) users.bind(textOf(name), ctx.channel);
        break;
      case 'unbind':
        for (const { ctx } of chosen) users.unbind(textOf(name), ctx.channel);
        break;
      case 'session':
        this.setSessions(chosen, changes as GatewayAttributes, isNew === true);
        break;
      case 'count':
        break;
      case 'list':
        return this.page(chosen, Number(after), Number(limit ?? Number.POSITIVE_INFINITY));
      default:
        throw new Error(`connections have no command ${String(op)}`);
    }
    return chosen.length;
  }

  /** Sets all sessions, or none if a session is too long. */
  private setSessions(chosen: readonly Held[], changes: GatewayAttributes, isNew: boolean): void {
    const sessions = chosen.map(({ session }) => (isNew ? changes : { ...session, ...changes }));
    for (const session of new Set(sessions)) checkSessionLength(session, this.half);
    for (const [index, one] of chosen.entries()) one.session = sessions[index]!;
  }

  private page(chosen: readonly Held[], after: number, limit: number): ConnectionPage {
    const rest = chosen.filter(({ number }) => number > after);
    rest.sort((one, other) => one.number - other.number);
    const connections: ConnectionInfo[] = [];
    const maxBytes = Math.min(MAX_PAGE_BYTES, this.half);
    let bytes = 0;
    let last = after;
    for (const { number, ctx, session } of rest) {
      const users = this.groups.usersOf(ctx.channel);
      const groups = this.groups.with(ctx.channel);
      const info = { id: this.idOf(number), users, groups, session };
      bytes += jsonBytes(info);
      const isFull = bytes > maxBytes || connections.length >= limit;
      if (isFull && connections.length > 0) return { connections, next: last };
      // Copied, because this node may be the caller.
      connections.push({ ...info, session: structuredClone(session) });
      last = number;
    }
    return { connections, next: undefined };
  }

  /** Half of a message on the bus, so that an answer has room for one session and what belongs to it. */
  private get half(): number {
    return (this.port.maxBodyBytes ?? Number.POSITIVE_INFINITY) / 2;
  }

  private idOf(number: number): string {
    return `${this.cluster.nodeId}:${number}`;
  }

  private chosen(target: Record<string, unknown>): Held[] {
    const without = this.excepted(target['except']);
    const all = [...this.meant(target)];
    return all.filter(({ number, ctx }) => isOpen(ctx) && !without.has(this.idOf(number)));
  }

  /** Returns the ids of the connections that a command leaves out, which the command names by id, user or group. */
  private excepted(except: unknown): Set<unknown> {
    const ids = new Set<unknown>();
    for (const one of Array.isArray(except) ? except : []) {
      if (typeof one === 'string') ids.add(one);
      else for (const { number } of this.meant(one)) ids.add(this.idOf(number));
    }
    return ids;
  }

  /** A command that names no connections is refused, because a misspelled name must not select all of them. */
  private meant({ ids, group, user, all }: Record<string, unknown>): Iterable<Held> {
    if (Array.isArray(ids)) return present(ids.map((id: number) => this.held.get(id)));
    if (group !== undefined) return this.ofChannels(this.groups.known(textOf(group)) ?? []);
    if (user !== undefined) return this.ofChannels(this.cluster.users.channels(textOf(user)));
    if (all === true) return this.held.values();
    throw new Error('a command about connections without ids, group, user or all: true');
  }

  private ofChannels(channels: Iterable<Channel>): Held[] {
    return present([...new Set(channels)].map((channel) => this.byChannel.get(channel)));
  }
}

/** Returns the connections that a node holds. Each node has one object. */
export function heldOf(cluster: Cluster<never>): HeldConnections {
  const node = additionOf(cluster, heldAtNode);
  node.held ??= new HeldConnections(cluster, portOf(cluster));
  return node.held;
}

function heldAtNode(): { held: HeldConnections | undefined } {
  return { held: undefined };
}

/** @throws EncodeError `MESSAGE_TOO_LONG` */
export function checkSessionLength(session: GatewayAttributes, maxBytes?: number): void {
  checkAttributes(session, maxBytes, 'the session of a connection takes');
}

function jsonBytes(value: object): number {
  return Buffer.byteLength(JSON.stringify(value), 'utf8');
}

function present(held: (Held | undefined)[]): Held[] {
  return held.filter((one) => one !== undefined);
}

/** Returns the number of accepted writes. A pipeline can refuse a message, and a connection can refuse it for lack of room. */
function written(chosen: readonly Held[], message: unknown): number {
  let refused = 0;
  for (const write of writeToEach(chosen, ({ ctx }) => ctx.writeAndFlush(message))) {
    write.peekSettled((error) => {
      if (error !== undefined) refused += 1;
    });
  }
  return chosen.length - refused;
}

function isOpen({ channel, isRemoved }: Context): boolean {
  return channel.isActive && !channel.isEnding && !isRemoved;
}

/** Bytes come as base64, in an operation of their own. */
function messageOf({ op, message }: Record<string, unknown>): unknown {
  const isBytes = op === 'send-bytes' || op === 'close-bytes';
  return isBytes ? Buffer.from(String(message), 'base64') : message;
}

function textOf(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new Error('a command about connections without a name');
}
