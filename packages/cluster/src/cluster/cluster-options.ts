import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { type Clock, type Logger, OptionError } from '@headrace/core';
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
  toError,
  value,
  whole,
} from '@headrace/core/authoring';
import type { Bus } from '../bus/bus.ts';
import { type NodeAddress, toAddress, toRoles } from '../node/node-info.ts';
import { type ClusterUsersOptions, USERS_OPTIONS } from '../users/cluster-users.ts';

/** Options of `Cluster.join`. */
export interface ClusterOptions<Principal = unknown> {
  /** The application: nodes with the same name on the same bus are one cluster. */
  readonly app: string;
  /** The bus between the nodes. It belongs to the cluster from now on. @default none: a cluster of one process */
  readonly bus?: Bus;
  /**
   * Secrets of the nodes, at most 8 of at least 16 bytes; a text is its UTF-8. The first one authenticates what this
   * node publishes (HMAC-SHA256); what none of them made is ignored. To change one, roll the nodes three times: with the
   * new one last, with the new one first, and without the old one. @default none: every program that may publish is trusted
   */
  readonly keys?: readonly (string | Uint8Array)[];
  /** Where clients reach this node, for the route. @default none: the route does not name it */
  readonly address?: NodeAddress;
  /** Roles of this node, such as `worker`: up to 32, each up to 64 characters. @default none */
  readonly roles?: readonly string[];
  /** How many clients are connected, for the route. @default the members of the largest group here */
  readonly connections?: () => number;
  /** Part of one core that is busy, 0 to 1, for the route. @default the process's CPU time of the last second */
  readonly load?: () => number;
  /** The id of a principal, and whether a user may be on two nodes. @default ids of principals, any number of connections */
  readonly users?: ClusterUsersOptions<Principal>;
  /** How long `join` waits for the bus; then it resolves without it. In milliseconds. @default 2000 */
  readonly joinTimeoutMs?: number;
  /**
   * How many groups with members, ids of members and users are known of each other node; further ones are ignored, with
   * a line in the log, and messages to users go to all nodes as long as one has more. A program that forges nodes forges
   * many: give `keys`. @default 1000000
   */
  readonly maxNodePresence?: number;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default standard error */
  readonly logger?: Logger;
  /** At least 0, below 1. @default Math.random */
  readonly random?: () => number;
  /** Random bytes for the node's id. @default node:crypto's */
  readonly randomBytes?: (size: number) => Buffer;
}

type Keys = readonly (string | Uint8Array)[];
type Roles = readonly string[];

const MAX_KEYS = 8;
const KEY_BYTES = 16;
const KEYS = `up to ${MAX_KEYS} secrets of at least ${KEY_BYTES} bytes`;
const ADDRESS = 'an object with host and port';
const ROLES = 'up to 32 texts of up to 64 characters';

function toKeys(given: Keys): Keys | undefined {
  if (!Array.isArray(given) || given.length > MAX_KEYS) return undefined;
  // A hole would be passed over, and nothing sealed.
  const keys = Array.from<string | Uint8Array>(given);
  return keys.every(isKey) ? keys : undefined;
}

function isKey(given: unknown): boolean {
  const isOfBytes = typeof given === 'string' || given instanceof Uint8Array;
  return isOfBytes && Buffer.byteLength(given) >= KEY_BYTES;
}

/**
 * Other nodes ignore heartbeats that are not valid: a node with a wrong address would not be seen. The error quotes
 * nothing: it may be a secret.
 */
function understood<Given, T>(
  allowed: string,
  read: (given: Given) => T | undefined,
): (name: string, given: Given) => T {
  return (option, given) => {
    let text = `${option} must be ${allowed}`;
    try {
      const value = read(given);
      if (value !== undefined) return value;
    } catch (thrown) {
      text = `${option}: ${toError(thrown).message}`;
    }
    throw new OptionError('OPTION_INVALID', text, { option });
  };
}

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
  keys: custom(KEYS, understood<Keys, Keys>(KEYS, toKeys), { default: [] }),
  address: custom(ADDRESS, understood<NodeAddress, NodeAddress>(ADDRESS, toAddress)),
  roles: custom(ROLES, understood<Roles, Roles>(ROLES, toRolesOrNone), { default: [] }),
  connections: fn({ answers: 'at once', takes: 0, purpose: 'counts the clients' }),
  load: fn({ answers: 'at once', takes: 0, purpose: 'gives the load' }),
  users: nested(USERS_OPTIONS, { default: {} }),
  joinTimeoutMs: number({ default: 2000 }),
  maxNodePresence: whole({ min: 1, default: 1_000_000 }),
  clock: CLOCK,
  logger: LOGGER,
  random: RANDOM,
  randomBytes: fn({
    answers: 'at once',
    purpose: 'gives so many random bytes',
    default: (size: number): Buffer => randomBytes(size),
  }),
});
