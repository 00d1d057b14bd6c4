/** The address to which the clients of a node connect. */
export interface NodeAddress {
  /** The host name or IP address for clients, up to 255 characters. */
  readonly host: string;
  /** The port, from 1 to 65535. */
  readonly port: number;
}

/** How a node treats connections: it accepts them, sends all away, or has left. */
export type NodeState = 'ready' | 'draining' | 'left';

/** The status of a node, in each of its heartbeats. */
export interface NodeStatus {
  /** The state of the node; `left` occurs only in the event `nodeLeft`. */
  readonly state: NodeState;
  /** The address for clients; undefined for a node that takes no clients. */
  readonly address: NodeAddress | undefined;
  /** The number of client connections. */
  readonly connections: number;
  /** The part of one core that its process used in the last second: 0 is idle, 1 is busy all the time. */
  readonly load: number;
  /** The roles of the node, such as `worker`: up to 32, each up to 64 characters. */
  readonly roles: readonly string[];
}

/** How sure another node is that a node runs: `suspect` after 3 s without a heartbeat, `gone` after 5 s. */
export type NodeLife = 'alive' | 'suspect' | 'gone';

/** A node, as another node knows it. */
export interface NodeInfo extends NodeStatus {
  /** The id of the node: 32 hexadecimal digits, new at each start. */
  readonly id: string;
  /** The life of the node, by its heartbeats; `alive` for this node itself. */
  readonly life: NodeLife;
}

/** How far the presence that a node has published is: the other nodes see that they missed something of it. */
export interface PresenceMark {
  /** Of the last message; 0 before the first. */
  readonly number: number;
  /** Of everything that the messages said: the members of all groups. */
  readonly digest: number;
}

/** A heartbeat on the bus. */
export interface Heartbeat extends NodeStatus {
  /** Different for two nodes with one id. */
  readonly nonce: string;
  /** Undefined from a node that publishes no presence. */
  readonly presence?: PresenceMark | undefined;
  /** True for a will: the node ended without leaving; its state is `left`. */
  readonly isGone?: boolean;
}

const STATES: readonly unknown[] = ['ready', 'draining', 'left'];
const MAX_ROLES = 32;
const MAX_ROLE_LENGTH = 64;

/** @throws what is wrong with it */
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

/** @throws what is wrong with them */
export function toRoles(value: unknown): string[] {
  const names: readonly unknown[] = Array.isArray(value) ? value : [];
  const isRole = (name: unknown) => typeof name === 'string' && name.length <= MAX_ROLE_LENGTH;
  if (names.length > MAX_ROLES || !names.every(isRole)) {
    throw new Error(`roles are up to ${MAX_ROLES} texts of up to ${MAX_ROLE_LENGTH} characters`);
  }
  return names as string[];
}

/** @throws what is wrong with it */
export function toAddress(value: unknown): NodeAddress | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, port } = value as Record<string, unknown>;
  if (typeof host !== 'string' || host.length > 255) throw new Error('an address without a host');
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) {
    throw new Error(`an address with the port ${String(port)}`);
  }
  return { host, port: port as number };
}

/** True for a figure of a heartbeat. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e15;
}
