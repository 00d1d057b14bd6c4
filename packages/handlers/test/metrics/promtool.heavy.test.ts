import { spawnSync } from 'node:child_process';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { MetricsHandler } from '../../src/metrics/metrics-handler.ts';
import { ServerMetrics } from '../../src/metrics/server-metrics.ts';

const isInstalled = spawnSync('promtool', ['--version']).status === 0;

describe.skipIf(!isInstalled)("Prometheus' own promtool (Debian: prometheus)", () => {
  it('finds nothing to complain about in the text of a server', () => {
    using metrics = new ServerMetrics({
      labels: { server: 'a "quoted" \\ name\n' },
      eventLoopResolutionMs: 10,
    });
    for (const reason of ['idle', 'reset', 'made "up"\n']) {
      const channel = new EmbeddedChannel(new MetricsHandler({ metrics }));
      channel.writeInbound(Buffer.from('hello'));
      channel.run(() => channel.close(reason));
    }
    const result = spawnSync('promtool', ['check', 'metrics'], {
      input: metrics.text(),
      encoding: 'utf8',
    });
    expect(result.stderr + result.stdout).toBe('');
    expect(result.status).toBe(0);
  });
});
