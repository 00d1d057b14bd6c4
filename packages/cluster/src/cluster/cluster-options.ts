import type { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { Bus } from '@headrace/bus';
import { NODE_KEYS, toAddress, understood } from '@headrace/bus/authoring';
import type { Clock, Logger } from '@headrace/core';
import {
  CLOCK,
  custom,
  describeOptions,
  fn,
  having,
  LOGGER,
  nested,
  number,
  RANDOM,
  value,
  whole,
} from '@headrace/core/authoring';
import { type NodeAddress, toRoles } from '../node/node-info.ts';
import { type ClusterUsersOptions, USERS_OPTIONS } from '../users/cluster-users.ts';

/** Options of `Cluster.join`. */
export interface ClusterOptions<Principal = unknown> {
  /** Name of the application. Nodes with the same name on the same bus are one cluster. */
  readonly app: string;
  /** Bus between the nodes. From the join on, the bus belongs to the cluster. @default none: a cluster of one process */
  readonly bus?: Bus;
  /**
   * Secrets of the nodes: at most 8, each at least 16 bytes long. A text stands for its UTF-8 bytes. The first secret
   * authenticates the messages of this node (HMAC-SHA256). Messages that no secret authenticates are ignored. To replace a
   * secret, restart the nodes three times: with the new secret last, with the new secret first, and without the old one.
   * @default none: every program that may publish is trusted
   */
  readonly keys?: readonly (string | Uint8Array)[];
  /** Address at which clients reach this node, for the route. @default none: the route does not name it */
  readonly address?: NodeAddress;
  /** Roles of this node, such as `worker`: up to 32, each up to 64 characters. @default none */
  readonly roles?: readonly string[];
  /** Returns the number of connected clients, for the route. @default the members of the largest group on this node */
  readonly connections?: () => number;
  /** Returns the load of one core, from 0 to 1, for the route. @default the process's CPU time of the last second */
  readonly load?: () => number;
  /**
   * Options of `cluster.users`: the id of a principal, and whether a user may be on two nodes.
   * @default ids of principals, any number of connections
   */
  readonly users?: ClusterUsersOptions<Principal>;
  /** Maximum time that `join` waits for the bus, in milliseconds. Then `join` resolves without the bus. @default 2000 */
  readonly joinTimeoutMs?: number;
  /**
   * Maximum number of entries that this node keeps of each other node: groups with members, ids of members, and users. Further
   * entries are ignored and logged. While a node has more, messages to users go to all nodes. The option `keys`, not this limit,
   * stops a program that forges many nodes.
   * @default 1000000
   */
  readonly maxNodePresence?: number;
  /** Clock of the node. @default the system's clock */
  readonly clock?: Clock;
  /** Logger of the node. @default standard error */
  readonly logger?: Logger;
  /** Returns a random number, at least 0 and below 1. @default Math.random */
  readonly random?: () => number;
  /** Returns random bytes for the id of the node. @default `randomBytes` of node:crypto */
  readonly randomBytes?: (size: number) => Buffer;
}

type Roles = readonly string[];

const ADDRESS = 'an object with host and port';
const ROLES = 'up to 32 texts of up to 64 characters';

function toRolesOrNone(given: Roles): Roles | undefined {
  return Array.isArray(given) ? toRoles(given) : undefined;
}

export const CLUSTER_OPTIONS = describeOptions('Cluster.join', {
  app: value<string, { readonly required: true }>(
    "a text that is the same on all nodes: 'chat'",
    (given) => typeof given === 'string' && given !== '',
    { required: true },
  ),
  bus: having('publish', 'a bus, such as natsBus()'),
  keys: NODE_KEYS,
  address: custom(ADDRESS, understood<NodeAddress, NodeAddress>(ADDRESS, toAddress)),
  roles: custom(ROLES, understood<Roles, Roles>(ROLES, toRolesOrNone), { default: [] }),
  connections: fn({ answers: 'sync', takes: 0, purpose: 'counts the clients' }),
  load: fn({ answers: 'sync', takes: 0, purpose: 'gives the load' }),
  users: nested(USERS_OPTIONS, { default: {} }),
  joinTimeoutMs: number({ default: 2000 }),
  maxNodePresence: whole({ min: 1, default: 1_000_000 }),
  clock: CLOCK,
  logger: LOGGER,
  random: RANDOM,
  randomBytes: fn({
    answers: 'sync',
    purpose: 'returns the given number of random bytes',
    default: (size: number): Buffer => randomBytes(size),
  }),
});
