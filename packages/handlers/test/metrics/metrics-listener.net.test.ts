import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Bootstrap, ServerBootstrap, silentLogger } from '@headrace/core';
import parsePrometheus from 'parse-prometheus-text-format';
import { expect, it } from 'vitest';
import { MetricsHandler } from '../../src/metrics/metrics-handler.ts';
import { metricsListener } from '../../src/metrics/metrics-listener.ts';
import { PROMETHEUS_CONTENT_TYPE } from '../../src/metrics/prometheus-text.ts';
import { ServerMetrics } from '../../src/metrics/server-metrics.ts';

/** Also with connections that `fetch` keeps for later: not every runtime closes them by itself. */
function closed(page: http.Server): Promise<unknown> {
  const over = new Promise((resolve) => page.close(resolve));
  page.closeAllConnections();
  return over;
}

it('answers a scrape with the numbers of a running server', async () => {
  const metrics = new ServerMetrics();
  await using server = await new ServerBootstrap()
    .childHandler((channel) =>
      channel.pipeline.addLast(new MetricsHandler({ metrics }), {
        channelRead: (ctx, bytes) => void ctx.writeAndFlush(bytes),
      }),
    )
    .bind({ host: '127.0.0.1', port: 0 });
  const page = http.createServer(metricsListener(metrics)).listen(0, '127.0.0.1');
  await new Promise((resolve) => page.once('listening', resolve));
  const url = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;

  let echoed!: () => void;
  const echo = new Promise<void>((resolve) => {
    echoed = resolve;
  });
  const client = await new Bootstrap()
    .handler((channel) => channel.pipeline.addLast({ channelRead: () => echoed() }))
    .connect({ host: '127.0.0.1', port: server.port });
  await client.writeAndFlush(Buffer.from('hello'));
  await echo;

  const answer = await fetch(`${url}/metrics?x=1`);
  expect(answer.headers.get('content-type')).toBe(PROMETHEUS_CONTENT_TYPE);
  const families = new Map(parsePrometheus(await answer.text()).map((one) => [one.name, one]));
  expect(families.get('headrace_connections_open')?.metrics[0]?.value).toBe('1');
  expect(families.get('headrace_written_bytes_total')?.metrics[0]?.value).toBe('5');
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
  await client.close();
  await closed(page);
});

it('answers 500 where the text cannot be made, and goes on', async () => {
  let isBroken = true;
  const text = (): string => {
    if (isBroken) throw new Error('a secret');
    return 'up 1\n';
  };
  const page = http
    .createServer(metricsListener({ text }, { logger: silentLogger }))
    .listen(0, '127.0.0.1');
  await new Promise((resolve) => page.once('listening', resolve));
  const url = `http://127.0.0.1:${(page.address() as AddressInfo).port}/metrics`;
  const broken = await fetch(url);
  expect([broken.status, await broken.text()]).toEqual([500, 'the metrics could not be made\n']);
  isBroken = false;
  expect(await (await fetch(url)).text()).toBe('up 1\n');
  await closed(page);
});
