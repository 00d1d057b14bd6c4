// Plays Kubernetes: probes, SIGTERM, and what is seen from outside until the process is gone.
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { connectPeer, joinAs } from './chat-peer.ts';
import { ChatProcess } from './chat-process.ts';

const started: ChatProcess[] = [];
const timeout = 60_000;

afterEach(() => {
  for (const program of started.splice(0)) program.kill('SIGKILL');
});

interface Running {
  readonly chat: ChatProcess;
  readonly port: number;
  probe(path: string): Promise<[number, string]>;
}

async function start(env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const chat = new ChatProcess('main', [], { NETTY_TCP_ADMIN_PORT: '0', ...env });
  started.push(chat);
  const port = await chat.port();
  const [, admin] = await chat.says(/^admin on port (\d+)$/m);
  const probe = async (path: string): Promise<[number, string]> => {
    const answer = await fetch(`http://127.0.0.1:${admin}${path}`);
    return [answer.status, await answer.text()];
  };
  return { chat, port, probe };
}

describe('the chat as a pod', () => {
  it('is ready when it listens, and counts connections and messages', { timeout }, async () => {
    const { port, probe } = await start({ NETTY_TCP_MAX_CONNECTIONS: '1' });
    expect(await probe('/healthz')).toEqual([200, 'ok\n']);
    expect(await probe('/readyz')).toEqual([200, 'ok\n']);
    await joinAs(port, 'lines', 'ann');
    await (await connectPeer(port, 'lines')).ended();
    const [status, metrics] = await probe('/metrics');
    expect(status).toBe(200);
    for (const sample of [
      'headrace_connections_open 1',
      'headrace_limit_accepted_total 1',
      'headrace_limit_refused_total 1',
      'headrace_slow_members_closed_total 0',
      'chat_room_members 1',
      'headrace_event_loop_delay_seconds{percentile="99"}',
    ]) {
      expect(metrics).toContain(`\n${sample}`);
    }
  });

  it('at SIGTERM is not ready but live, accepts no more connections, sends BYE, and exits with 0 in time', {
    timeout,
  }, async () => {
    const { chat, port, probe } = await start({ NETTY_TCP_MAXOUTBOUNDBYTES: '100000000' });
    const ann = await joinAs(port, 'frames', 'ann');
    // Who does not read keeps the drain going.
    const slow = await joinAs(port, 'frames', 'slow');
    slow.pause();
    for (let i = 0; i < 200; i++) ann.send('x'.repeat(65_000));
    for (let i = 0; i < 200; i++) await ann.next();
    const began = performance.now();
    chat.kill('SIGTERM');
    expect((await ann.ended()).at(-1)).toBe('BYE');
    expect(await probe('/readyz')).toEqual([503, 'not ok: draining, listening\n']);
    expect(await probe('/healthz')).toEqual([200, 'ok\n']);
    expect((await probe('/metrics'))[1]).toContain('\nheadrace_connections_open 1\n');
    await expect(connectPeer(port, 'lines')).rejects.toThrow('ECONNREFUSED');
    expect(await chat.exit).toBe(0);
    expect(performance.now() - began).toBeLessThan(graceMs());
    slow.destroy();
  });

  it('exits when its port is in use, although its probes could be served', {
    timeout,
  }, async () => {
    const { port } = await start();
    const second = new ChatProcess('main', [], {
      NETTY_TCP_ADMIN_PORT: '0',
      NETTY_TCP_PORT: String(port),
    });
    started.push(second);
    expect(await second.exit).toBe(1);
    expect(second.stderr).toContain('EADDRINUSE');
  });

  it('names the admin port when that port is in use', { timeout }, async () => {
    const { port } = await start();
    const second = new ChatProcess('main', [], {
      NETTY_TCP_ADMIN_PORT: String(port),
      NETTY_TCP_PORT: '0',
    });
    started.push(second);
    expect(await second.exit).toBe(1);
    expect(second.stderr).toMatch(/^broadcast-chat: the admin port is not available: .*EADDRINUSE/);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: what YAML gives
type Yaml = any;
const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

function manifests(): Record<string, Yaml> {
  const documents = parseAllDocuments(text('../kubernetes.yaml'));
  return Object.fromEntries(
    documents.map((one) => {
      expect(one.errors).toEqual([]);
      const value = one.toJS() as Yaml;
      return [value.kind, value];
    }),
  );
}

const pod = (): Yaml => manifests()['Deployment'].spec.template.spec;

function graceMs(): number {
  const { terminationGracePeriodSeconds, containers } = pod();
  return (terminationGracePeriodSeconds - containers[0].lifecycle.preStop.sleep.seconds) * 1000;
}

describe('kubernetes.yaml', () => {
  it('has a Deployment, a Service and a PodDisruptionBudget for the same pods', () => {
    const { Deployment, Service, PodDisruptionBudget } = manifests();
    const labels = Deployment.spec.template.metadata.labels;
    expect(Deployment.apiVersion).toBe('apps/v1');
    expect(Deployment.spec.selector.matchLabels).toEqual(labels);
    expect(Service.spec.selector).toEqual(labels);
    expect(PodDisruptionBudget.apiVersion).toBe('policy/v1');
    expect(PodDisruptionBudget.spec.selector.matchLabels).toEqual(labels);
  });

  it('probes the admin port, which no Service shows, on paths that the server has', () => {
    const [{ ports, startupProbe, readinessProbe, livenessProbe }] = pod().containers;
    const named = Object.fromEntries(ports.map((one: Yaml) => [one.name, one.containerPort]));
    expect(named).toEqual({ chat: 18_888, admin: 9464 });
    expect(readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'admin' });
    expect(livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'admin' });
    expect(startupProbe.httpGet).toEqual({ path: '/healthz', port: 'admin' });
    expect(manifests()['Service'].spec.ports.map((one: Yaml) => one.targetPort)).toEqual(['chat']);
  });

  it('gives the drain more time than it takes, after preStop', () => {
    const [, drainMs] = /DRAIN_MS = (\d+);/.exec(text('../src/chat-server.ts'))!;
    expect(graceMs()).toBeGreaterThanOrEqual(2 * Number(drainMs));
  });

  it('runs as an unprivileged user, on a read-only file system', () => {
    const { securityContext, containers } = pod();
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(text('../Dockerfile')).toContain('\nUSER 1000:1000\n');
  });
});
