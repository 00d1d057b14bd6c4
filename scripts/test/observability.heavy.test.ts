// observability/ with a real Prometheus (Debian: prometheus): rules, scrape, and every expression.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ChannelPool, fixed, ReconnectingClient } from '@headrace/client';
import { Cluster } from '@headrace/cluster';
import { lengthPrefixed, StringCodec } from '@headrace/codec';
import {
  Bootstrap,
  ChannelGroup,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import {
  BroadcastHandler,
  ConnectionLimitHandler,
  MetricsHandler,
  metricsOf,
  OverloadGuard,
  ServerMetrics,
} from '@headrace/handlers';
import { type HealthServer, serveHealth } from '@headrace/handlers/health';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../../packages/core/test/fixture/free-port.ts';
import { Program, run } from '../program.ts';

const folder = fileURLToPath(new URL('../../observability/', import.meta.url));
/** A minute, for a busy machine. */
const WAITING = { timeout: 60_000, interval: 200 };
const isInstalled = spawnSync('promtool', ['--version']).status === 0;

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}
interface Dashboard {
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; query: unknown }[] };
}

const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8');
const dashboard = JSON.parse(textOf('headrace-dashboard.json')) as Dashboard;

/** What Grafana would ask, with every variable at "All". */
const dashboardExpressions = dashboard.panels
  .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  .map((expr) => expr.replaceAll(/\$(job|instance)/g, '.*').replaceAll('$__rate_interval', '1m'));

function metricNames(text: string): Set<string> {
  return new Set(text.match(/\b(?:headrace|chat)_[a-z_]+\b/g));
}

/** Until somebody has sent nonsense, they have no series. */
const MAY_BE_EMPTY = ['headrace_cluster_ignored_total', 'headrace_errors_by_code_total'];
const IGNORING = { hooks: { unhandledMessage() {}, writeFailed() {} } };

/** A system with everything that can be counted. */
class System {
  readonly metrics = new ServerMetrics({ eventLoopResolutionMs: 10 });
  private readonly ends: (() => unknown)[] = [];
  server!: Server;
  health!: HealthServer;

  async start(): Promise<this> {
    const { metrics } = this;
    const limit = new ConnectionLimitHandler({ total: 3 });
    const guard = new OverloadGuard({ heapShare: 100, loopDelayMs: 1e6 });
    const room = new ChannelGroup<string>('room');
    const text = () => [...lengthPrefixed({ maxFrameLength: 1000 }), new StringCodec()] as const;
    this.server = await new ServerBootstrap()
      // It refuses connections all the time.
      .options({ logger: silentLogger })
      .handler(({ pipeline }) => pipeline.addLast(limit, guard))
      .childHandler((channel) => {
        room.add(channel);
        channel.pipeline.addLast(new MetricsHandler({ metrics }), ...text());
        channel.pipeline.addLast(new BroadcastHandler(room));
      })
      .bind({ host: '127.0.0.1', port: 0 });
    const place = { host: '127.0.0.1', port: this.server.port };
    const cluster = await Cluster.join({ app: 'observed' });
    const group = cluster.group<string>('room');
    const pool = new ChannelPool({
      bootstrap: new Bootstrap()
        .options(IGNORING)
        .handler(({ pipeline }) => pipeline.addLast(...text())),
      place,
      max: 1,
    });
    const lost = new ReconnectingClient({
      bootstrap: new Bootstrap().options(IGNORING).handler(() => {}),
      addresses: [place],
      retry: fixed(50),
      shouldRetry: () => false,
    });
    const client = { online: 0, losses: 0, givenUp: 0 };
    lost.on('state', (state) => {
      client.online = Number(state.name === 'online');
      if (state.name === 'waiting') client.losses += 1;
      if (state.name === 'closed' && state.reason === 'given-up') client.givenUp += 1;
    });
    metrics
      .include(metricsOf('headrace_limit', () => limit.counters))
      .include(metricsOf('headrace_overload', () => guard.counters))
      .include(metricsOf('headrace_slow_members', () => room.slowMembers))
      .include(
        metricsOf(
          'headrace_cluster',
          () => ({ up: Number(cluster.state === 'up'), ...cluster.counters }),
          { gauges: ['up'], label: 'cause' },
        ),
      )
      .include(metricsOf('headrace_group', () => group.counters, { label: 'outcome' }))
      .include(metricsOf('headrace_client', () => client, { gauges: ['online'] }))
      .include(
        metricsOf('headrace_pool', () => pool.metrics, {
          gauges: ['size', 'idle', 'leased', 'connecting', 'checking', 'waiting'],
          label: 'reason',
        }),
      );
    this.health = await serveHealth({ port: 0, metrics });
    // Traffic for as long as it is watched: some come and go, some stay.
    const lease = await pool.acquire();
    await lost.start();
    const bootstrap = new Bootstrap()
      .options(IGNORING)
      .handler(({ pipeline }) => pipeline.addLast(...text()));
    const comeAndGo = (): void =>
      void bootstrap.connect(place).then(
        async (channel) => {
          await channel.writeAndFlush('hello').then(undefined, () => {});
          channel.close();
        },
        () => {},
      );
    const timer = setInterval(() => {
      void lease.channel.writeAndFlush('hello');
      // There is room for one of them.
      comeAndGo();
      comeAndGo();
    }, 20);
    this.ends.push(
      () => clearInterval(timer),
      () => lease.release(),
      () => pool.close(),
      () => lost.close(),
      () => cluster.leave(),
      () => this.server.close(),
      () => this.health.close(),
      () => metrics.dispose(),
    );
    return this;
  }

  async stop(): Promise<void> {
    for (const end of this.ends) await end();
  }
}

class Prometheus {
  private readonly program: Program;
  private readonly url: string;

  constructor(port: number, data: string, config: string) {
    this.url = `http://127.0.0.1:${port}`;
    const place = [`--storage.tsdb.path=${data}`, `--web.listen-address=127.0.0.1:${port}`];
    this.program = new Program('prometheus', [`--config.file=${config}`, ...place], data);
  }

  async api(path: string): Promise<{ status: string; data: unknown; error?: string }> {
    const answer = await fetch(`${this.url}/api/v1/${path}`);
    return (await answer.json()) as { status: string; data: unknown };
  }

  /** The series of an expression now; throws what Prometheus has against it. */
  async query(expression: string): Promise<readonly { value: [number, string] }[]> {
    const { status, data, error } = await this.api(`query?query=${encodeURIComponent(expression)}`);
    if (status !== 'success') throw new Error(`${expression}: ${error}`);
    return (data as { result: { value: [number, string] }[] }).result;
  }

  stop(): Promise<unknown> {
    return this.program.terminate();
  }
}

describe('observability/, without Prometheus', () => {
  const page = (name: string) =>
    readFileSync(new URL(`../../docs/guides/${name}.md`, import.meta.url), 'utf8');
  const guide = page('observability');

  it('has a part in the guide for each alert, where runbook_url leads', () => {
    const alerts = [...textOf('headrace-alerts.yml').matchAll(/alert: (\w+)/g)].map(
      ([, one]) => one,
    );
    expect(alerts.length).toBeGreaterThan(10);
    for (const alert of alerts) {
      expect(guide).toContain(`\n### ${alert}\n`);
      expect(textOf('headrace-alerts.yml')).toContain(
        `runbook_url: https://headrace.github.io/headrace/guides/observability#${alert?.toLowerCase()}`,
      );
      expect(textOf('headrace-alerts.test.yml')).toContain(`${alert} fires`);
      expect(textOf('headrace-alerts.test.yml')).toContain(`${alert} is quiet`);
    }
  });

  it('names in the reference each metric of the dashboard and of the alerts', () => {
    const used = metricNames(dashboardExpressions.join('\n') + textOf('headrace-alerts.yml'));
    const known = metricNames(page('observability-metrics'));
    const bare = [...used].map((name) => name.replace(/_(bucket|sum|count)$/, ''));
    expect(bare.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe.skipIf(!isInstalled)('observability/ in a real Prometheus', () => {
  let system: System;
  let prometheus: Prometheus;
  let temporary: string;

  beforeAll(async () => {
    temporary = mkdtempSync(join(tmpdir(), 'headrace-prometheus-'));
    system = await new System().start();
    const config = join(temporary, 'prometheus.yml');
    const own = textOf('prometheus.yml')
      .replaceAll('15s', '1s')
      .replace('headrace-alerts.yml', join(folder, 'headrace-alerts.yml'))
      .replace('127.0.0.1:9464', `127.0.0.1:${system.health.port}`);
    writeFileSync(config, own);
    prometheus = new Prometheus(await freePort(), temporary, config);
    // Rates need two scrapes and a change between them.
    for (const expression of [
      'up == 1',
      'rate(headrace_read_bytes_total[1m]) > 0',
      'rate(headrace_limit_refused_total[1m]) > 0',
    ]) {
      const count = () => prometheus.query(expression).then(({ length }) => length, String);
      await vi.waitFor(async () => expect(await count()).toBe(1), WAITING);
    }
    await delay(2500);
  });

  afterAll(async () => {
    await prometheus?.stop();
    await system?.stop();
    rmSync(temporary, { recursive: true, force: true });
  });

  it('has rules that promtool accepts, each of which fires when it should', async () => {
    for (const [command, file] of [
      ['check', 'headrace-alerts.yml'],
      ['test', 'headrace-alerts.test.yml'],
    ] as const) {
      // This process is scraped meanwhile: if it stood still, its series would end.
      const { ok, output } = await run('promtool', [command, 'rules', file], folder);
      expect(output).toContain('SUCCESS');
      expect(ok).toBe(true);
    }
  });

  it('is scraped, and its rules are evaluated without an error', async () => {
    const { data } = await prometheus.api('rules');
    const { groups } = data as {
      groups: { rules: { name: string; health: string; query: string; lastError?: string }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(10);
    await vi.waitFor(async () => {
      const again = (await prometheus.api('rules')).data as typeof data & { groups: typeof groups };
      const states = again.groups.flatMap((group) => group.rules.map(({ health }) => health));
      expect(new Set(states)).toEqual(new Set(['ok']));
    }, WAITING);
    for (const { query } of rules) await prometheus.query(query);
  });

  it('has series for every expression of the dashboard', async () => {
    expect(dashboardExpressions.length).toBeGreaterThan(30);
    // A scrape that came too late on a busy machine takes all series away until the next one.
    await expect
      .poll(async () => {
        const empty: string[] = [];
        for (const expression of dashboardExpressions) {
          const series = await prometheus.query(expression);
          const mayBeEmpty = MAY_BE_EMPTY.some((name) => expression.includes(name));
          if (series.length === 0 && !mayBeEmpty) empty.push(expression);
        }
        return empty;
      })
      .toEqual([]);
  });

  it('uses metrics that exist in what is exported, and shows all of them but those listed here', () => {
    const exported = metricNames(
      [...system.metrics.text().matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name).join('\n'),
    );
    const used = metricNames(dashboardExpressions.join('\n') + textOf('headrace-alerts.yml'));
    const bare = new Set([...used].map((name) => name.replace(/_(bucket|sum|count)$/, '')));
    expect([...bare].filter((name) => !exported.has(name))).toEqual([]);
    expect([...exported].filter((name) => !bare.has(name)).sort()).toEqual([
      'headrace_pool_checking',
      'headrace_pool_closed_total',
      'headrace_pool_connecting',
      'headrace_pool_created_total',
      'headrace_pool_size',
    ]);
  });
});
