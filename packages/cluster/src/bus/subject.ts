import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_TOKEN = 96;
/** Half of a character, which UTF-8 does not know: all of them would become the same. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * A name as one token of a subject: `p` and the name if that has only letters, digits, `-` and `_`, at most 64 of them;
 * else `b` and its UTF-8 as base64url; above 96 bytes `h` and its SHA-256. `s` and the SHA-256 of its UTF-16 if it has no
 * UTF-8. No name can leave its place, or look like another one.
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

  /** Heartbeats of all nodes. */
  get nodes(): string {
    return `${this.prefix}.nodes`;
  }

  /** Messages to one node. */
  node(id: string): string {
    return `${this.prefix}.n.${id}`;
  }

  /** The broadcasts of a group. */
  group(name: string): string {
    return `${this.prefix}.g.${token(name)}`;
  }

  /** Presence: members that join and leave the groups of all nodes. */
  get presence(): string {
    return `${this.prefix}.p`;
  }

  /** Messages about users to all nodes: of a node that does not know yet where users are. */
  get users(): string {
    return `${this.prefix}.u`;
  }

  /** Messages about the users of one node. */
  usersOf(node: string): string {
    return `${this.prefix}.u.${node}`;
  }

  /** Commands about connections to all gateways. */
  get connections(): string {
    return `${this.prefix}.c`;
  }

  /** The stream of a durable group: what is appended. */
  stream(name: string): string {
    return `${this.prefix}.d.${token(name)}`;
  }

  /** Where a bus hears itself. */
  probe(id: string): string {
    return `${this.prefix}.b.${id}`;
  }
}

/** Where what was stored in a stream is published. */
export function liveSubject(stream: string): string {
  return stream.replace('.d.', '.l.');
}
