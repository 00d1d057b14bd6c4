import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_TOKEN = 96;
/** Half of a surrogate pair. UTF-8 cannot encode it, so different halves would become equal. */
export const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Encodes a name as one token of a subject:
 *
 * - `p` and the name, if the name consists of at most 64 letters, digits, `-` and `_`
 * - `b` and its UTF-8 as base64url, for another name
 * - `h` and its SHA-256, if the `b` form is longer than 96 bytes
 * - `s` and the SHA-256 of its UTF-16, if the name has no UTF-8
 *
 * A token never contains a separator, and two names never have the same token.
 */
export function token(name: string): string {
  if (PLAIN.test(name)) return `p${name}`;
  if (LONE_SURROGATE.test(name)) {
    return `s${createHash('sha256').update(name, 'utf16le').digest('base64url')}`;
  }
  const encoded = `b${Buffer.from(name, 'utf8').toString('base64url')}`;
  if (encoded.length <= MAX_TOKEN) return encoded;
  return `h${createHash('sha256').update(name, 'utf8').digest('base64url')}`;
}

/** The subjects of one application. */
export class Subjects {
  private readonly prefix: string;

  constructor(app: string) {
    this.prefix = `hr.${token(app)}`;
  }

  /** The subject of the heartbeats of all nodes. */
  get nodes(): string {
    return `${this.prefix}.nodes`;
  }

  node(id: string): string {
    return `${this.prefix}.n.${id}`;
  }

  group(name: string): string {
    return `${this.prefix}.g.${token(name)}`;
  }

  /** The subject of presence: members that join and leave the groups of all nodes. */
  get presence(): string {
    return `${this.prefix}.p`;
  }

  /** The subject of messages about users to all nodes, for a node that does not know yet where users are. */
  get users(): string {
    return `${this.prefix}.u`;
  }

  usersOf(node: string): string {
    return `${this.prefix}.u.${node}`;
  }

  /** The subject of commands about connections to all gateways. */
  get connections(): string {
    return `${this.prefix}.c`;
  }

  /** The subject of commands about requests to all nodes with an HTTP API. */
  get requests(): string {
    return `${this.prefix}.r`;
  }

  /** Returns the stream of a durable group, for appends. */
  stream(name: string): string {
    return `${this.prefix}.d.${token(name)}`;
  }

  /** Returns the stream of a state group, for changes. */
  state(name: string): string {
    return `${this.prefix}.s.${token(name)}`;
  }

  /** Returns the subject on which a bus receives its own heartbeats. */
  probe(id: string): string {
    return `${this.prefix}.b.${id}`;
  }
}

/** Returns the subject on which the stored messages of a stream are published. */
export function liveSubject(stream: string): string {
  return stream.replace('.d.', '.l.');
}
