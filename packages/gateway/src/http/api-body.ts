import { Buffer, isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { ByteBlocks } from '@headrace/core/authoring';
import type { ConnectionMessage, ConnectionTarget } from '../gateway/remote-connections.ts';
import type { GatewayAttributes } from '../gateway/worker-connection.ts';
import { Refusal } from './api-error.ts';

/** The content type of a body that is the message. */
export const BYTES = 'application/octet-stream';
const MAX_NAME_LENGTH = 1024;
const NEEDED = 'but must be a text or other JSON';
const TARGETS = ['group', 'user', 'connection', 'all'] as const;

/** A message and its target connections. */
export interface Publication {
  readonly to: ConnectionTarget;
  readonly message: ConnectionMessage;
  /** Connections that do not receive the message. */
  readonly except: readonly ConnectionTarget[];
}

/** The content of `POST /disconnect`. */
export interface Disconnection {
  readonly to: ConnectionTarget;
  readonly message: ConnectionMessage | undefined;
}

/** The content of `POST /join` and `POST /leave`, or of `POST /bind` and `POST /unbind`. */
export interface Membership {
  readonly to: ConnectionTarget;
  /** The name of the group or user. */
  readonly name: string;
}

/** The content of `POST /session`. */
export interface SessionChange {
  readonly to: ConnectionTarget;
  readonly session: GatewayAttributes;
  /** Whether members that `session` lacks are removed. */
  readonly isNew: boolean;
}

/** Reads a body. Input above the limit is dropped when it arrives. @throws Refusal */
export async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const { 'content-encoding': encoding = 'identity', 'content-length': announced = '0' } =
    request.headers;
  if (encoding.toLowerCase() !== 'identity') {
    throw new Refusal('ENCODED_BODY', 'send the body as it is, without content-encoding');
  }
  const tooLong = new Refusal('BODY_TOO_LONG', `a body has at most ${maxBytes} bytes`);
  if (Number(announced) > maxBytes) throw tooLong;
  return await new Promise((resolve, reject) => {
    const body = new ByteBlocks();
    let isTooLong = false;
    request.on('data', (part: Buffer) => {
      isTooLong ||= body.size + part.length > maxBytes;
      if (isTooLong) {
        body.clear();
        reject(tooLong);
      } else body.push(part);
    });
    request.on('end', () => resolve(body.takeAll()));
    request.on('close', () => reject(new Refusal('BODY_CUT', 'the body is incomplete')));
  });
}

/** @throws Refusal for a value that is not JSON in UTF-8 */
export function jsonOf(body: Buffer, what = 'the body'): unknown {
  const bytes = `bytes go with content-type ${BYTES}, to /publish or /disconnect`;
  if (!isUtf8(body)) throw new Refusal('NOT_JSON', `${what} is not UTF-8; ${bytes}`);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refusal('NOT_JSON', `${what} is not JSON`);
  }
}

/** Whether the body of a request is the message itself, as bytes. */
export function isOfBytes({ 'content-type': type = '' }: IncomingMessage['headers']): boolean {
  return type.split(';', 1)[0]!.trim().toLowerCase() === BYTES;
}

/**
 * Returns what a body of JSON would have, for a body that is the message: `?group=ROOM` is `to`, and `except` is JSON.
 *
 * @throws Refusal
 */
export function bytesOf(message: Buffer, query: URLSearchParams): object {
  const { except, ...to } = Object.fromEntries(query);
  if (Object.keys(to).length + (except === undefined ? 0 : 1) < [...query].length) {
    throw noTarget('the query');
  }
  const all = to['all'] === 'true' ? { all: true } : {};
  const without = except !== undefined && { except: jsonOf(Buffer.from(except), 'except') };
  return { to: { ...to, ...all }, message, ...without };
}

/** @throws Refusal for a body other than `{"to":{"group":"ROOM"},"message":"TEXT"}` */
export function publicationIn(body: unknown): Publication {
  const given = membersOf(body, 'the body', ['to', 'message', 'bytes', 'except']);
  const message = messageIn(given);
  if (message === undefined) throw new Refusal('WRONG_MESSAGE', `message is missing, ${NEEDED}`);
  return { to: targetIn(given['to']), message, except: exceptionsIn(given['except']) };
}

/** Returns the member `message`, or the bytes in `bytes`. @throws Refusal */
function messageIn(
  { message, bytes }: Record<string, unknown>,
  cure = '',
): ConnectionMessage | undefined {
  if (message === null) throw new Refusal('WRONG_MESSAGE', `message is null, ${NEEDED}${cure}`);
  if (bytes === undefined) return message as ConnectionMessage | undefined;
  if (message !== undefined) throw new Refusal('WRONG_MESSAGE', 'either message or bytes is given');
  const decoded = Buffer.from(String(bytes), 'base64');
  if (decoded.toString('base64') === bytes) return decoded;
  throw new Refusal('WRONG_MESSAGE', 'bytes must be base64, with its padding');
}

/** @throws Refusal */
function exceptionsIn(except: unknown = []): ConnectionTarget[] {
  if (!Array.isArray(except)) throw noTarget('except is a list, of which each entry');
  return except.map((one) => {
    const target = targetIn(one, 'an entry of except');
    if ('all' in target) throw new Refusal('WRONG_TARGET', 'except has no all: true');
    return target;
  });
}

/** Returns the messages of a batch, which are to be checked one by one. @throws Refusal */
export function messagesIn(body: unknown, max: number): readonly unknown[] {
  const { messages } = membersOf(body, 'the body', ['messages']);
  if (Array.isArray(messages) && messages.length > 0 && messages.length <= max) return messages;
  throw new Refusal('WRONG_BATCH', `messages must be a list of 1 to ${max} objects`);
}

/** @throws Refusal for a body other than `{"to":{"user":"UID"}}`, with or without a `message` */
export function disconnectionIn(body: unknown): Disconnection {
  const given = membersOf(body, 'the body', ['to', 'message', 'bytes']);
  return { to: targetIn(given['to']), message: messageIn(given, '; leave it out for none') };
}

/**
 * @param kind - the member with the name
 * @throws Refusal for a body other than `{"to":{"user":"UID"},"group":"ROOM"}`
 */
export function membershipIn(body: unknown, kind: 'group' | 'user'): Membership {
  const { to, [kind]: name } = membersOf(body, 'the body', ['to', kind]);
  return { to: targetIn(to), name: nameIn(name) };
}

/** @throws Refusal for a body other than `{"to":{"user":"UID"},"session":{}}`, or with `changes` instead of `session` */
export function sessionIn(body: unknown): SessionChange {
  const given = membersOf(body, 'the body', ['to', 'session', 'changes']);
  const { session, changes } = given;
  const one = session ?? changes;
  const isObject = typeof one === 'object' && one !== null && !Array.isArray(one);
  if (!isObject || 'session' in given === 'changes' in given) {
    const text = 'either session has all members, or changes has some of them, as an object';
    throw new Refusal('WRONG_SESSION', text);
  }
  return {
    to: targetIn(given['to']),
    session: one as GatewayAttributes,
    isNew: 'session' in given,
  };
}

/** @throws Refusal for a `limit` that is not a number from 1 to the maximum */
export function limitIn(limit: string | null, max: number): number {
  const number = Number(limit ?? max);
  if (limit === null || (/^[1-9]\d*$/.test(limit) && number <= max)) return number;
  throw new Refusal('WRONG_PAGE', `limit is a number from 1 to ${max}`);
}

/** @throws Refusal */
export function targetIn(to: unknown, what = 'to'): ConnectionTarget {
  const members = membersOf(to, what);
  const [kind, ...more] = Object.keys(members) as (typeof TARGETS)[number][];
  if (kind === undefined || more.length > 0 || !TARGETS.includes(kind)) throw noTarget(what);
  if (kind !== 'all') return { [kind]: nameIn(members[kind]) } as unknown as ConnectionTarget;
  if (members['all'] !== true) throw noTarget(what);
  return { all: true };
}

function noTarget(what: string): Refusal {
  return new Refusal('WRONG_TARGET', `${what} has one of group, user, connection, or all: true`);
}

/** @throws Refusal for a value that is not a name, or not well-formed */
export function nameIn(name: unknown): string {
  const isName = typeof name === 'string' && name !== '' && name.length <= MAX_NAME_LENGTH;
  // Half of a surrogate pair would become another name when it is encoded.
  if (isName && !/\p{Surrogate}/u.test(name)) return name;
  throw new Refusal('WRONG_NAME', `a name is a text of 1 to ${MAX_NAME_LENGTH} characters`);
}

/** Returns an object whose members are all allowed. @throws Refusal */
export function membersOf(
  value: unknown,
  what: string,
  allowed?: readonly string[],
): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    throw new Refusal('NO_OBJECT', `${what} must be an object`);
  }
  const unknown = allowed && Object.keys(value).find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown.slice(0, 32));
    throw new Refusal('UNKNOWN_MEMBER', `${what} has ${shown}; it may have ${allowed?.join(', ')}`);
  }
  return value as Record<string, unknown>;
}
