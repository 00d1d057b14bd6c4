import { OptionError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { metricsOf } from '../../src/metrics/metrics-of.ts';
import { prometheusText } from '../../src/metrics/prometheus-text.ts';

const samplesOf = (...args: Parameters<typeof metricsOf>): string[] =>
  prometheusText(metricsOf(...args)())
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('# HELP'));

describe('metricsOf', () => {
  it('makes counters of numbers, with one _total each', () => {
    expect(
      samplesOf('limit', () => ({ accepted: 3, refusedTotal: 1, refusedPerAddress: 2 })),
    ).toEqual([
      '# TYPE limit_accepted_total counter',
      'limit_accepted_total 3',
      '# TYPE limit_refused_total counter',
      'limit_refused_total 1',
      '# TYPE limit_refused_per_address_total counter',
      'limit_refused_per_address_total 2',
    ]);
  });

  it('makes gauges of the fields that are named, and labels of records', () => {
    const pool = { idle: 2, closed: { idle: 1, broken: 4 }, name: 'a text', nothing: null };
    expect(samplesOf('pool', () => pool, { gauges: ['idle'], label: 'reason' })).toEqual([
      '# TYPE pool_idle gauge',
      'pool_idle 2',
      '# TYPE pool_closed_total counter',
      'pool_closed_total{reason="idle"} 1',
      'pool_closed_total{reason="broken"} 4',
    ]);
  });

  it('lists a record in which nothing was counted yet, without a sample', () => {
    const cluster = { ignored: {}, address: { host: 'a', port: 1 } };
    expect(samplesOf('cluster', () => cluster)).toEqual(['# TYPE cluster_ignored_total counter']);
  });

  it('makes seconds of milliseconds', () => {
    expect(samplesOf('overload', () => ({ pausedMs: 1500 }))).toEqual([
      '# TYPE overload_paused_seconds_total counter',
      'overload_paused_seconds_total 1.5',
    ]);
  });

  it('reads the numbers each time', () => {
    const counters = { shed: 0 };
    const families = metricsOf('overload', () => counters);
    counters.shed = 7;
    expect(families()[0]?.samples[0]?.value).toBe(7);
  });

  it('refuses a wrong name and an unknown option', () => {
    expect(() => metricsOf('a-b', () => ({}))).toThrow(OptionError);
    expect(() => metricsOf('a', () => ({}), { gauge: [] } as never)).toThrow('gauges');
  });
});
