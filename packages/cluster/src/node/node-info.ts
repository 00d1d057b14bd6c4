import { toAddress } from '@headrace/bus/authoring';

/** The address to which the clients of a node connect. */
export interface NodeAddress {
  /** Host name or IP address for clients, up to 255 characters. */
  readonly host: string;
  /** Port for clients, from 1 to 65535. */
  readonly port: number;
}

/** Whether a node accepts connections, sends all its connections to other nodes, or has left. */
export type NodeState = 'ready' | 'draining' | 'left';

/** The status of a node. Each heartbeat of the node contains the status. */
export interface NodeStatus {
  /** The state of the node. The state `left` occurs only in the event `nodeLeft`. */
  readonly state: NodeState;
  /** The address for clients, or undefined if the node accepts no clients. */
  readonly address: NodeAddress | undefined;
  readonly connections: number;
  /** The part of one core that the node's process used in the last second: 0 for idle, 1 for always busy. */
  readonly load: number;
  /** Roles of the node, such as `worker`: up to 32, each up to 64 characters. */
  readonly roles: readonly string[];
}

/** The life of a node, as judged by its heartbeats: `suspect` after 3 s without a heartbeat, `gone` after 5 s. */
export type NodeLife = 'alive' | 'suspect' | 'gone';

/** A node, as another node knows it. */
export interface NodeInfo extends NodeStatus {
  /** The id of the node: 32 hexadecimal digits. A node has a new id at each start. */
  readonly id: string;
  /** The life of the node, by its heartbeats; `alive` for this node itself. */
  readonly life: NodeLife;
}

/** The number and the digest of a node's newest presence message, which show other nodes that they missed such a message. */
export interface PresenceMark {
  /** The number of the last message, or 0 before the first message. */
  readonly number: number;
  /** The digest of the members of all groups. */
  readonly digest: number;
}

/** A heartbeat on the bus. */
export interface Heartbeat extends NodeStatus {
  /** A value that differs between two nodes with the same id. */
  readonly nonce: string;
  /** Undefined if the node publishes no presence. */
  readonly presence?: PresenceMark | undefined;
  /** True for a will: the node ended without leaving, and its state is `left`. */
  readonly isGone?: boolean;
}

const STATES: readonly unknown[] = ['ready', 'draining', 'left'];
const MAX_ROLES = 32;
const MAX_ROLE_LENGTH = 64;

/** @throws an error for an invalid heartbeat */
export function toHeartbeat(value: unknown): Heartbeat {
  if (typeof value !== 'object' || value === null) throw new Error('a heartbeat is an object');
  const { state, address, connections, load, roles, nonce, presence, isGone } = value as Record<
    string,
    unknown
  >;
  if (!STATES.includes(state)) throw new Error(`a heartbeat with the state ${String(state)}`);
  if (!isCount(connections) || !isCount(load)) throw new Error('a heartbeat without numbers');
  if (typeof nonce !== 'string' || nonce.length > 64)
    throw new Error('a heartbeat without a nonce');
  return {
    state: state as NodeState,
    address: toAddress(address),
    connections,
    load,
    roles: toRoles(roles),
    nonce,
    presence: presence === undefined ? undefined : toPresenceMark(presence),
    isGone: isGone === true,
  };
}

function toPresenceMark(value: unknown): PresenceMark {
  const { number, digest } = (value ?? {}) as Record<string, unknown>;
  if (!isCount(number) || !isCount(digest)) throw new Error('a heartbeat with half a presence');
  return { number, digest };
}

/** @throws an error for invalid roles */
export function toRoles(value: unknown): string[] {
  const names: readonly unknown[] = Array.isArray(value) ? value : [];
  const isRole = (name: unknown) => typeof name === 'string' && name.length <= MAX_ROLE_LENGTH;
  if (names.length > MAX_ROLES || !names.every(isRole)) {
    throw new Error(`roles are up to ${MAX_ROLES} texts of up to ${MAX_ROLE_LENGTH} characters`);
  }
  return names as string[];
}

/** Returns true for a valid figure of a heartbeat. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e15;
}
