import type { ConnectionTarget } from '@headrace/gateway';

const NAME = /^[\p{L}\p{N}_.-]{1,32}$/u;

/** A name that somebody may give to a room, a user or a key. Nobody can type a space, a line or a slash into it. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/** The group of a room: none of those that the example itself uses, such as `everybody`. */
export const roomGroup = (room: string): string => `room-${room}`;

export const userName = (uid: string): string => `uid-${uid}`;

/** Each connection is the only one of a user of this name: by it the short id that people see is found on any gateway. */
export const clientName = (client: string): string => `client-${client}`;

/** The names that people see, without the prefix; other names are those of the example itself. */
export function shown(prefix: string, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

export const inRoom = (room: string): ConnectionTarget => ({ group: roomGroup(room) });
export const ofUser = (uid: string): ConnectionTarget => ({ user: userName(uid) });
export const ofClient = (client: string): ConnectionTarget => ({ user: clientName(client) });
