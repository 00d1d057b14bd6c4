import { createHmac, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { toAddress } from '../node/node-address.ts';
import { type NodeKeys, secretKeys } from '../node/node-keys.ts';
import type { MeshPlace } from './mesh-place.ts';

/** Version of the handshake and of the frames. */
const VERSION = 1;
/** Bytes of the random number of each handshake. */
const NONCE_BYTES = 16;
const MAX_ID_LENGTH = 64;

/** One end of a connection between nodes, as the other end knows it. */
export interface MeshIdentity {
  /** The id of the node's link. Each start of a bus has its own. */
  readonly id: string;
  /** `node`, or `register` for a server that only lists the nodes. */
  readonly kind: 'node' | 'register';
  /** The address at which other nodes reach this end. */
  readonly place: MeshPlace;
}

/** What a handshake says of its own end, and proves. The address can change until the node listens. */
export interface MeshEnd {
  readonly identity: MeshIdentity;
  readonly keys: MeshKeys;
}

/** The first message of each end, with the text over which the proofs are made. */
export interface MeshGreeting extends MeshIdentity {
  readonly hasKeys: boolean;
  readonly text: string;
}

/** Returns the text of the first message of an end. */
export function greetingText({ id, kind, place }: MeshIdentity, hasKeys: boolean): string {
  const nonce = hasKeys ? randomBytes(NONCE_BYTES).toString('base64url') : '';
  return JSON.stringify({ mesh: VERSION, id, kind, ...place, hasKeys, nonce });
}

/**
 * Reads the first message of the other end.
 *
 * @throws Error if it is not one
 */
export function readGreeting(text: string): MeshGreeting {
  const { mesh, id, kind, hasKeys, ...rest } = JSON.parse(text) as Record<string, unknown>;
  if (mesh !== VERSION) throw new Error(`version ${String(mesh)} of the mesh, not ${VERSION}`);
  const isId = typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH;
  const place = toAddress(rest);
  if (!isId || place === undefined) throw new Error('a greeting without an id or an address');
  return {
    id,
    kind: kind === 'register' ? 'register' : 'node',
    place,
    hasKeys: hasKeys === true,
    text,
  };
}

/** The texts of a handshake, over which an end proves that it has a key. */
export interface Transcript {
  readonly dialer: string;
  readonly acceptor: string;
  /** What the dialer has decided, in its proof only. */
  readonly verdict?: string;
}

/** Makes and checks the proofs of one node: HMAC-SHA256 over both greetings, which contain random numbers. */
export class MeshKeys {
  private readonly keys: readonly KeyObject[];

  /** @param keys - the first key makes proofs, and all keys are accepted */
  constructor(keys: NodeKeys) {
    this.keys = secretKeys(keys);
  }

  get hasKeys(): boolean {
    return this.keys.length > 0;
  }

  /** Returns the proof of an end, or an empty text without keys. */
  prove(side: 'dialer' | 'acceptor', transcript: Transcript): string {
    const [key] = this.keys;
    return key === undefined ? '' : proofOf(key, side, transcript).toString('base64url');
  }

  /** Returns why a proof is refused, or undefined if a key of this node made it. */
  refusal(
    proof: unknown,
    side: 'dialer' | 'acceptor',
    transcript: Transcript,
    other: Pick<MeshGreeting, 'hasKeys'>,
  ): string | undefined {
    if (other.hasKeys !== this.hasKeys) {
      return this.hasKeys ? 'it has no keys' : 'it has keys, and this node has none';
    }
    if (!this.hasKeys) return undefined;
    const given = Buffer.from(String(proof), 'base64url');
    const isProof = this.keys.some((key) => isSame(given, proofOf(key, side, transcript)));
    return isProof ? undefined : 'it has another key';
  }
}

function proofOf(key: KeyObject, side: string, transcript: Transcript): Buffer {
  const { dialer, acceptor, verdict = '' } = transcript;
  // JSON, so that no two transcripts have one text.
  const text = JSON.stringify(['headrace mesh', side, dialer, acceptor, verdict]);
  return createHmac('sha256', key).update(text).digest();
}

function isSame(given: Buffer, wanted: Buffer): boolean {
  return given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted);
}
