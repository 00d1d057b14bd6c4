// The cluster's settings beside the chat's own.

/** A setting is wrong: the message says which, and what is allowed. */
export class ClusterSettingsError extends Error {
  override readonly name = 'ClusterSettingsError';
}

export interface ClusterSettings {
  /** Where the nodes meet; undefined for the processes of this program alone. */
  readonly bus: string | undefined;
  /** Where clients ask which node to connect to; 0 picks a free one. */
  readonly routePort: number;
}

const ROUTE_PORT = 18_889;
const BUSES = ['nats:', 'redis:', 'rediss:'];

export function clusterSettings(
  env: Readonly<Record<string, string | undefined>>,
): ClusterSettings {
  return { bus: busOf(env['CLUSTER_BUS']), routePort: portOf(env['ROUTE_PORT']) };
}

function busOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '' || text === 'process') return undefined;
  if (URL.canParse(text)) {
    const { protocol, hostname } = new URL(text);
    if (BUSES.includes(protocol) && hostname !== '') return text;
  }
  // Not as it was given: a password may stand in it.
  throw new ClusterSettingsError(
    'CLUSTER_BUS is not a bus: it looks like nats://127.0.0.1:4222 or redis://127.0.0.1:6379',
  );
}

function portOf(text: string | undefined): number {
  if (text === undefined || text === '') return ROUTE_PORT;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ClusterSettingsError(
    `ROUTE_PORT is ${JSON.stringify(text)}: it must be a port, 0 to 65535; 0 picks a free one`,
  );
}
