import { describe, expect, it } from 'vitest';
import { clusterSettings } from '../src/cluster-settings.ts';

describe('clusterSettings', () => {
  it.each([
    [{}, { bus: undefined, routePort: 18_889 }],
    [
      { CLUSTER_BUS: '', ROUTE_PORT: '' },
      { bus: undefined, routePort: 18_889 },
    ],
    [
      { CLUSTER_BUS: 'process', ROUTE_PORT: '0' },
      { bus: undefined, routePort: 0 },
    ],
    [{ CLUSTER_BUS: 'nats://10.0.0.7:4222' }, { bus: 'nats://10.0.0.7:4222', routePort: 18_889 }],
    [{ CLUSTER_BUS: 'redis://u:p@[::1]:1' }, { bus: 'redis://u:p@[::1]:1', routePort: 18_889 }],
  ])('takes %o', (env, settings) => {
    expect(clusterSettings(env)).toEqual(settings);
  });

  it.each(['nats', 'nats://', 'kafka://127.0.0.1:1', '127.0.0.1:4222', 'nats:secret@host:1', ' '])(
    'refuses CLUSTER_BUS=%s, and does not repeat it',
    (bus) => {
      expect(() => clusterSettings({ CLUSTER_BUS: bus })).toThrow(
        /^CLUSTER_BUS is not a bus: it looks like nats:\/\/127\.0\.0\.1:4222 or redis:\/\/127\.0\.0\.1:6379$/,
      );
    },
  );

  it.each(['-1', '65536', '1.5', 'x', '1e3', ' 80'])('refuses ROUTE_PORT=%s', (port) => {
    expect(() => clusterSettings({ ROUTE_PORT: port })).toThrow(`ROUTE_PORT is "${port}": `);
  });
});
