import { ChannelError, type Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import parsePrometheus from 'parse-prometheus-text-format';
import { describe, expect, it } from 'vitest';
import { CHANNEL_METRICS } from '../../src/metrics/channel-metrics.ts';
import { closeCategory } from '../../src/metrics/close-category.ts';
import { single } from '../../src/metrics/metric-family.ts';
import { MetricsHandler } from '../../src/metrics/metrics-handler.ts';
import { prometheusText } from '../../src/metrics/prometheus-text.ts';
import { ServerMetrics } from '../../src/metrics/server-metrics.ts';

function counted(metrics: ServerMetrics, ...others: Handler[]): EmbeddedChannel {
  return new EmbeddedChannel(...others, new MetricsHandler({ metrics }));
}

describe('MetricsHandler', () => {
  it('counts messages and bytes both ways, for its channel and for all', () => {
    const metrics = new ServerMetrics();
    const one = counted(metrics);
    const two = counted(metrics);
    one.writeInbound(Buffer.alloc(3), Buffer.alloc(4));
    two.writeInbound('no bytes');
    two.writeOutbound(Buffer.alloc(5));
    expect(one.attributes.get(CHANNEL_METRICS)).toMatchObject({
      messagesRead: 2,
      bytesRead: 7,
      messagesWritten: 0,
    });
    expect(two.attributes.get(CHANNEL_METRICS)).toMatchObject({ messagesRead: 1, bytesRead: 0 });
    expect(metrics.total('bytesRead')).toBe(7);
    expect(metrics.total('messagesRead')).toBe(3);
    expect(metrics.total('bytesWritten')).toBe(5);
    expect([metrics.opened, metrics.open]).toEqual([2, 2]);
  });

  it('counts why connections closed, even when the handler is gone by then', () => {
    const metrics = new ServerMetrics();
    const one = counted(metrics);
    const two = counted(metrics);
    const three = counted(metrics);
    one.run(() => one.close('idle'));
    two.endInput();
    three.run(() => three.pipeline.remove(MetricsHandler));
    three.run(() => three.close('idle'));
    expect(Object.fromEntries(metrics.closed)).toEqual({ idle: 2, peer: 1 });
    expect([metrics.opened, metrics.open]).toEqual([3, 0]);
  });

  it('counts a channel that was active before it came, and once only', () => {
    const metrics = new ServerMetrics();
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(new MetricsHandler({ metrics }), new MetricsHandler({ metrics }));
    expect(metrics.opened).toBe(1);
    channel.finish();
    expect(metrics.closed.get('local')).toBe(1);
  });

  it('counts errors, and how often the channel became unwritable', () => {
    const metrics = new ServerMetrics();
    const channel = counted(metrics);
    channel.run(() => channel.pipeline.fireExceptionCaught(new Error('x')));
    expect(() => channel.checkException()).toThrow('x');
    channel.embedded.isStuck = true;
    channel.writeOutbound(Buffer.alloc(100_000));
    expect(metrics.total('timesUnwritable')).toBe(1);
    expect(metrics.total('errors')).toBe(1);
  });

  it('counts each error once by its code, whether it passes the handler, closes the channel or both', () => {
    const metrics = new ServerMetrics();
    const channel = counted(metrics);
    const reset = new ChannelError('CHANNEL_RESET', 'x');
    const fail = (failed: EmbeddedChannel, error: Error): void => {
      failed.run(() => {
        failed.embedded.sink.failed(error);
        failed.embedded.sink.disconnected();
      });
      expect(() => failed.checkException()).toThrow(error);
      expect(failed.closeInfo?.error).toBe(error);
    };
    fail(channel, reset);
    // An error of a handler does not pass the handlers before it.
    const other = counted(metrics);
    other.run(() => other.pipeline.remove(MetricsHandler));
    fail(other, new ChannelError('CHANNEL_FAILED', 'y'));
    metrics.countError(new TypeError('no code'));
    expect(Object.fromEntries(metrics.errorsByCode)).toEqual({
      HR_ERR_CHANNEL_RESET: 1,
      HR_ERR_CHANNEL_FAILED: 1,
      TypeError: 1,
    });
    expect(metrics.text()).toContain('headrace_errors_by_code_total{code="TypeError"} 1\n');
  });

  it('counts errors with more than 64 codes as other', () => {
    const metrics = new ServerMetrics();
    for (let i = 0; i < 66; i++) {
      metrics.countError(Object.assign(new Error('x'), { code: `${i}`.padEnd(100, 'x') }));
    }
    expect(metrics.errorsByCode.size).toBe(65);
    expect(metrics.errorsByCode.get('other')).toBe(2);
    expect([...metrics.errorsByCode.keys()][0]).toHaveLength(64);
  });

  it('counts failed writes one by one, also those that share a future', () => {
    const metrics = new ServerMetrics();
    const channel = counted(metrics);
    channel.embedded.isStuck = true;
    channel.run(() => {
      for (let i = 0; i < 3; i++) channel.write(Buffer.alloc(10));
      channel.flush();
      channel.writeAndFlush(Buffer.alloc(10));
      channel.close();
    });
    expect(metrics.total('writesFailed')).toBe(4);
  });

  it('leaves a failed write to those who report it', () => {
    const failures: string[] = [];
    const channel = EmbeddedChannel.with(
      { hooks: { writeFailed: (_channel, error) => void failures.push(error.message) } },
      { write: () => Promise.reject(new Error('no')) },
      new MetricsHandler({ metrics: new ServerMetrics() }),
    );
    channel.run(() => channel.close());
    channel.run(() => channel.write('late'));
    expect(failures).toHaveLength(1);
  });

  it('leaves the attribute to the first of two', () => {
    const wire = new ServerMetrics();
    const app = new ServerMetrics({ prefix: 'app' });
    const channel = new EmbeddedChannel(
      new MetricsHandler({ metrics: wire }),
      { channelRead: (ctx, bytes) => ctx.fireChannelRead(String(bytes)) },
      new MetricsHandler({ metrics: app }),
    );
    channel.writeInbound(Buffer.from('hi'));
    expect(channel.attributes.get(CHANNEL_METRICS)?.bytesRead).toBe(2);
    expect([app.total('messagesRead'), app.total('bytesRead')]).toEqual([1, 0]);
  });
});

describe('ServerMetrics', () => {
  it('gives a text that a real Prometheus parser reads', () => {
    const metrics = new ServerMetrics({ labels: { server: 'chat' } });
    metrics.include(() => [single('counter', 'refused_total', 'Refused.', 9)]);
    const one = counted(metrics);
    const two = counted(metrics);
    one.writeInbound(Buffer.from('hello'));
    two.advance(5000);
    two.run(() => two.close('slow-consumer'));
    const families = new Map(parsePrometheus(metrics.text()).map((one) => [one.name, one]));
    expect(families.get('headrace_connections_open')).toMatchObject({
      type: 'GAUGE',
      metrics: [{ value: '1', labels: { server: 'chat' } }],
    });
    expect(families.get('headrace_connections_closed_total')?.metrics).toEqual([
      {
        value: '1',
        labels: { server: 'chat', reason: 'slow-consumer', by: 'local', category: 'policy' },
      },
    ]);
    // This parser finds the sum and count of a histogram only without labels.
    const [duration] = parsePrometheus(
      prometheusText(
        metrics.families().filter((one) => one.name === 'headrace_connection_duration_seconds'),
      ),
    );
    expect(duration?.metrics[0]).toMatchObject({ count: '1', sum: '5' });
    expect(families.get('headrace_read_bytes_total')?.metrics[0]?.value).toBe('5');
    expect(families.get('refused_total')?.metrics[0]?.value).toBe('9');
  });

  it('looks at pending output and unwritable channels when asked', () => {
    const metrics = new ServerMetrics();
    const channel = counted(metrics);
    channel.embedded.isStuck = true;
    channel.writeOutbound(Buffer.alloc(100_000));
    expect(metrics.text()).toMatch(/^headrace_pending_output_bytes 1000\d\d$/m);
    expect(metrics.text()).toMatch(/^headrace_channels_unwritable 1$/m);
  });

  it('bounds the labels that reasons of handlers make', () => {
    const metrics = new ServerMetrics();
    for (let i = 0; i < 100; i++) {
      const channel = counted(metrics);
      channel.run(() => channel.close(`made-up-${i}`));
    }
    expect(metrics.closed.size).toBe(65);
    expect(metrics.closed.get('other')).toBe(36);
  });

  it('measures the event loop if asked to, until it is disposed of', async () => {
    using metrics = new ServerMetrics({ eventLoopResolutionMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(metrics.text()).toMatch(
      /^headrace_event_loop_delay_seconds\{percentile="99"\} [\d.e-]+$/m,
    );
    expect(new ServerMetrics().text()).not.toContain('event_loop');
    expect(() => new ServerMetrics({ eventLoopResolutionMs: 0 })).toThrow(/eventLoopResolutionMs/);
  });

  it('knows the kind of end of every reason of the core, and of no other', () => {
    expect(
      ['local', 'peer', 'reset', 'unreachable', 'error', 'bad-input', 'idle', 'timeout'].map(
        closeCategory,
      ),
    ).toEqual(['normal', 'normal', 'network', 'network', 'fault', 'fault', 'policy', 'policy']);
    expect(
      [
        'unauthenticated',
        'replaced',
        'slow-consumer',
        'refused',
        'limit',
        'heartbeat',
        'shutdown',
      ].map(closeCategory),
    ).toEqual(['policy', 'normal', 'policy', 'policy', 'policy', 'network', 'normal']);
    expect(['kicked', 'toString', '__proto__'].map(closeCategory)).toEqual([
      'other',
      'other',
      'other',
    ]);
  });
});
