import { HeadraceError } from '@headrace/core';
import type { ConnectionInfo, RemoteConnections } from '@headrace/gateway';
import {
  clientName,
  inRoom,
  isName,
  ofClient,
  ofUser,
  roomGroup,
  shown,
  userName,
} from './names.ts';

/** A group of the cluster and a session cost memory: a connection has no more of each. */
export const MAX_ROOMS = 32;
export const MAX_KEYS = 32;
export const MAX_VALUE = 256;

/** The connection that types a command. */
export interface Speaker {
  readonly id: string;
  /** The short id that people see and type. */
  readonly client: string;
}

type Does = (me: Speaker, first: string, second: string) => Promise<string | undefined>;

/** What a client gets as one line, instead of an answer. */
class CommandError extends Error {}

/** The commands that clients type, carried out by `connectionsOf(cluster)`: a worker reaches connections of all gateways. */
export class Commands {
  private readonly connections: RemoteConnections;
  private readonly known: ReadonlyMap<string, readonly [needs: readonly string[], does: Does]>;

  constructor(connections: RemoteConnections) {
    this.connections = connections;
    this.known = new Map<string, readonly [readonly string[], Does]>([
      ['/join', [['ROOM'], (me, room) => this.join(me, room)]],
      ['/leave', [['ROOM'], (me, room) => this.leave(me, room)]],
      ['/say', [['ROOM', 'TEXT'], (me, room, text) => this.say(me, room, text)]],
      ['/who', [['ROOM'], (_, room) => this.who(room)]],
      ['/bind', [['UID'], (me, uid) => this.bind(me, uid)]],
      ['/to', [['UID', 'TEXT'], (me, uid, text) => this.to(me, uid, text)]],
      ['/set', [['KEY', 'VALUE'], (me, key, value) => this.set(me, key, value)]],
      ['/get', [['ID', 'KEY'], (_, client, key) => this.get(client, key)]],
      ['/kick', [['ID', 'TEXT'], (_, client, text) => this.kick(client, text)]],
    ]);
  }

  /** From now on others find the connection by its short id. Sent at once; again by each worker that gets it. */
  async enter({ id, client }: Speaker): Promise<void> {
    await this.connections.bind({ connection: id }, clientName(client));
  }

  /** Carries out one line. Resolves with the answer, or with one line that says what is wrong. */
  async run(me: Speaker, line: string): Promise<string | undefined> {
    const [word, rest] = cut(line);
    try {
      const command = this.known.get(word);
      if (command === undefined) {
        const all = [...this.known.keys()].join(' ');
        throw new CommandError(`there is no command ${word.slice(0, 32)}, there are ${all}`);
      }
      const [needs, does] = command;
      const given = argumentsOf(word, needs, rest);
      return await does(me, given[0]!, given[1] ?? '');
    } catch (error) {
      if (error instanceof CommandError) return `error: ${error.message}`;
      // A gateway that was killed, or the bus: those that are there have done it.
      if (error instanceof HeadraceError) return `error: ${error.message} (${error.code})`;
      throw error;
    }
  }

  private async join(me: Speaker, room: string): Promise<string> {
    const { groups } = await this.own(me);
    if (groups.length >= MAX_ROOMS && !groups.includes(roomGroup(room))) {
      throw new CommandError(`you are in ${MAX_ROOMS} rooms, the most: /leave one first`);
    }
    sure(await this.connections.join({ connection: me.id }, roomGroup(room)));
    return `joined ${room} ${await this.connections.count(inRoom(room))}`;
  }

  private async leave(me: Speaker, room: string): Promise<string> {
    sure(await this.connections.leave({ connection: me.id }, roomGroup(room)));
    return `left ${room}`;
  }

  /** The speaker hears it too, as a member: that is the answer. */
  private async say(me: Speaker, room: string, text: string): Promise<undefined> {
    const count = await this.connections.send(inRoom(room), `${room} ${me.client}: ${text}`);
    if (count === 0) throw new CommandError(`nobody is in ${room}`);
  }

  private async who(room: string): Promise<string> {
    const members = await this.connections.list(inRoom(room));
    return [`${room} ${members.length}:`, ...members.map(clientOf)].join(' ');
  }

  /** As in GatewayWorker, a connection belongs to one user: the last one counts. */
  private async bind(me: Speaker, uid: string): Promise<string> {
    const connection = me.id;
    const { users } = await this.own(me);
    for (const user of users) {
      if (user !== userName(uid) && user !== clientName(me.client)) {
        await this.connections.unbind({ connection }, user);
      }
    }
    sure(await this.connections.bind({ connection }, userName(uid)));
    return `bound ${uid}`;
  }

  private async to(me: Speaker, uid: string, text: string): Promise<string> {
    const count = await this.connections.send(ofUser(uid), `${me.client} to ${uid}: ${text}`);
    return `sent ${count}`;
  }

  private async set(me: Speaker, key: string, value: string): Promise<string> {
    if (value.length > MAX_VALUE) {
      throw new CommandError(`VALUE has ${value.length} characters, at most ${MAX_VALUE} are kept`);
    }
    const { session } = await this.own(me);
    if (!Object.hasOwn(session, key) && Object.keys(session).length >= MAX_KEYS) {
      throw new CommandError(`you have set ${MAX_KEYS} keys, the most`);
    }
    sure(await this.connections.updateSession({ connection: me.id }, { [key]: value }));
    return `set ${key}`;
  }

  private async get(client: string, key: string): Promise<string> {
    const [found] = await this.connections.list(ofClient(client));
    if (found === undefined) throw unknownId(client);
    if (!Object.hasOwn(found.session, key)) throw new CommandError(`${client} has not set ${key}`);
    return `${client} ${key}: ${found.session[key]}`;
  }

  private async kick(client: string, text: string): Promise<string> {
    const count = await this.connections.close(ofClient(client), text);
    if (count === 0) throw unknownId(client);
    return `kicked ${client}`;
  }

  private async own({ id }: Speaker): Promise<ConnectionInfo> {
    const [found] = await this.connections.list({ connection: id });
    sure(found === undefined ? 0 : 1);
    return found!;
  }
}

/** A command about the speaker's own connection: 0 if its gateway did not answer in time. */
function sure(count: number): void {
  if (count === 0) throw new CommandError('your gateway did not answer, try again');
}

function clientOf({ users }: ConnectionInfo): string {
  return shown(clientName(''), users)[0] ?? '?';
}

/** The last one takes the rest of the line. */
function argumentsOf(word: string, needs: readonly string[], line: string): string[] {
  const given: string[] = [];
  let rest = line;
  for (const [i, kind] of needs.entries()) {
    const isText = kind === 'TEXT' || kind === 'VALUE';
    const isLast = i === needs.length - 1;
    const [one, after] = isLast ? [isText ? rest : rest.trim(), ''] : cut(rest);
    if (one === '') throw new CommandError(`${word} needs ${needs.join(' ')}`);
    if (kind === 'ID' && !isName(one)) throw unknownId(one);
    if (!isText && !isName(one)) {
      throw new CommandError(`${kind} has 1 to 32 letters, digits, "-", "_" and "."`);
    }
    given.push(one);
    rest = after;
  }
  return given;
}

function cut(line: string): [word: string, rest: string] {
  const end = line.indexOf(' ');
  return end < 0 ? [line, ''] : [line.slice(0, end), line.slice(end + 1).trimStart()];
}

function unknownId(client: string): CommandError {
  return new CommandError(`no connection has the id ${client.slice(0, 32)}`);
}
