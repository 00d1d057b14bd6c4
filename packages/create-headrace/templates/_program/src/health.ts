// Health for who runs the program: /healthz, /readyz and /metrics on HEALTH_PORT, and with HEALTH_KEY /status.
import type { ServerMetrics } from '@headrace/handlers';
import { type HealthCheck, processStatus, serveHealth } from '@headrace/handlers/health';
import type { Running } from './run.ts';
import { portSetting, textSetting } from './settings.ts';

export interface Health {
  /** By name: all must hold for `/readyz`. */
  readonly ready: Readonly<Record<string, HealthCheck>>;
  /** Served as `/metrics`; disposed at the end. */
  readonly metrics?: ServerMetrics;
}

/** Serves health beside what is running; its shutdown begins with a 503 of `/readyz`: no new clients are sent. */
export async function withHealth(running: Running, { ready, metrics }: Health): Promise<Running> {
  const host = textSetting('HOST', '127.0.0.1');
  const port = portSetting('HEALTH_PORT', 9464);
  const key = textSetting('HEALTH_KEY', '');
  const withKey = key === '' ? {} : { key, ...(metrics && { status: processStatus({ metrics }) }) };
  const health = await serveHealth({ host, port, ready, ...(metrics && { metrics }), ...withKey });
  console.log(`health and metrics: http://${host}:${health.port}/readyz, /healthz, /metrics`);
  return {
    async shutdown(limits) {
      health.drain();
      await running.shutdown(limits);
      await health.close();
      metrics?.dispose();
    },
  };
}
