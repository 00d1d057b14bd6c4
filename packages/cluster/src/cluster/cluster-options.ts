import type { Buffer } from 'node:buffer';
import { type Clock, type Logger, OptionError } from '@headrace/core';
import { checkOptions, type KnownOptions, toError } from '@headrace/core/authoring';
import type { Bus } from '../bus/bus.ts';
import { type NodeAddress, toAddress, toRoles } from '../node/node-info.ts';
import type { ClusterUsersOptions } from '../users/cluster-users.ts';

/** Options of `Cluster.join`. */
export interface ClusterOptions<Principal = unknown> {
  /** The application: nodes with the same name on the same bus are one cluster. */
  readonly app: string;
  /** What connects the nodes. It belongs to the cluster from now on. @default none: a cluster of one process */
  readonly bus?: Bus;
  /** Where clients reach this node, for the route. @default none: the route does not name it */
  readonly address?: NodeAddress;
  /** What this node does besides, such as `worker`: up to 32, each up to 64 characters. @default none */
  readonly roles?: readonly string[];
  /** How many clients are connected, for the route. @default the members of the largest group here */
  readonly connections?: () => number;
  /** Part of one core that is busy, 0 to 1, for the route. @default the process's CPU time of the last second */
  readonly load?: () => number;
  /** Whose id a principal has, and whether a user may be on two nodes. @default ids of principals, any number of connections */
  readonly users?: ClusterUsersOptions<Principal>;
  /** How long `join` waits for the bus; then it resolves without it. In milliseconds. @default 2000 */
  readonly joinTimeoutMs?: number;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default standard error */
  readonly logger?: Logger;
  /** At least 0, below 1. @default Math.random */
  readonly random?: () => number;
  /** Random bytes for the node's id. @default node:crypto's */
  readonly randomBytes?: (size: number) => Buffer;
}

const CLUSTER_OPTIONS: KnownOptions<ClusterOptions> = {
  app: true,
  bus: true,
  address: true,
  roles: true,
  connections: true,
  load: true,
  users: true,
  joinTimeoutMs: true,
  clock: true,
  logger: true,
  random: true,
  randomBytes: true,
};

/**
 * Other nodes ignore heartbeats that make no sense: a node with a wrong address would be seen by nobody.
 *
 * @throws OptionError
 */
export function checkClusterOptions(options: ClusterOptions<never>): void {
  checkOptions<object>('Cluster.join', options, CLUSTER_OPTIONS);
  checkAs('address', () => toAddress(options.address) !== undefined, options.address);
  checkAs('roles', () => toRoles(options.roles).length >= 0, options.roles);
}

function checkAs(option: 'address' | 'roles', isRight: () => boolean, value: unknown): void {
  if (value === undefined) return;
  let text = `${option} is ${typeof value}`;
  try {
    if (isRight()) return;
  } catch (thrown) {
    text = `${option}: ${toError(thrown).message}`;
  }
  throw new OptionError('OPTION_INVALID', text, { option });
}
