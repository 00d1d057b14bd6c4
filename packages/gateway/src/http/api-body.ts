import { type Buffer, isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { ByteBlocks } from '@headrace/core/authoring';
import type { JsonValue } from '@headrace/rpc';
import type { ConnectionTarget } from '../gateway/remote-connections.ts';
import { Refusal } from './api-error.ts';

const MAX_NAME_LENGTH = 1024;
const NEEDED = 'but must be a text or other JSON';
const TARGETS = ['group', 'user', 'connection', 'all'] as const;

/** A message and its target connections. */
export interface Publication {
  readonly to: ConnectionTarget;
  readonly message: JsonValue;
}

/** The content of `POST /disconnect`. */
export interface Disconnection {
  readonly to: ConnectionTarget;
  readonly message: JsonValue | undefined;
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
export function jsonOf(body: Buffer): unknown {
  if (!isUtf8(body)) throw new Refusal('NOT_JSON', 'the body is not UTF-8');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refusal('NOT_JSON', 'the body is not JSON');
  }
}

/** @throws Refusal for a body other than `{"to":{"group":"ROOM"},"message":"TEXT"}` */
export function publicationIn(body: unknown): Publication {
  const { to, message } = membersOf(body, 'the body', ['to', 'message']);
  if (message === undefined || message === null) {
    const given = message === null ? 'null' : 'missing';
    throw new Refusal('WRONG_MESSAGE', `message is ${given}, ${NEEDED}`);
  }
  return { to: targetIn(to), message: message as JsonValue };
}

/** Returns the messages of a batch, which are to be checked one by one. @throws Refusal */
export function messagesIn(body: unknown, max: number): readonly unknown[] {
  const { messages } = membersOf(body, 'the body', ['messages']);
  if (Array.isArray(messages) && messages.length > 0 && messages.length <= max) return messages;
  throw new Refusal('WRONG_BATCH', `messages must be a list of 1 to ${max} objects`);
}

/** @throws Refusal for a body other than `{"to":{"user":"UID"}}`, with or without a `message` */
export function disconnectionIn(body: unknown): Disconnection {
  const { to, message } = membersOf(body, 'the body', ['to', 'message']);
  if (message === null) {
    throw new Refusal('WRONG_MESSAGE', `message is null, ${NEEDED}; leave it out for none`);
  }
  return { to: targetIn(to), message: message as JsonValue | undefined };
}

/** @throws Refusal */
export function targetIn(to: unknown): ConnectionTarget {
  const members = membersOf(to, 'to');
  const [kind, ...more] = Object.keys(members) as (typeof TARGETS)[number][];
  if (kind === undefined || more.length > 0 || !TARGETS.includes(kind)) throw noTarget();
  if (kind !== 'all') return { [kind]: nameIn(members[kind]) } as unknown as ConnectionTarget;
  if (members['all'] !== true) throw noTarget();
  return { all: true };
}

function noTarget(): Refusal {
  return new Refusal('WRONG_TARGET', 'to has one of group, user, connection, or all: true');
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
