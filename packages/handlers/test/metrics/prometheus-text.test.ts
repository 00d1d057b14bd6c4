import parsePrometheus from 'parse-prometheus-text-format';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/metrics/histogram.ts';
import { single } from '../../src/metrics/metric-family.ts';
import { prometheusText } from '../../src/metrics/prometheus-text.ts';

describe('prometheusText', () => {
  it('writes help, type and one line per sample', () => {
    const family = single('gauge', 'open', 'How many.\nNow', 3);
    expect(prometheusText([family])).toBe(
      '# HELP open How many.\\nNow\n# TYPE open gauge\nopen 3\n',
    );
  });

  it('escapes what peers and applications put into labels, so that a real parser reads it back', () => {
    const nasty = 'a "quoted"\\ back\nline';
    const text = prometheusText(
      [
        {
          name: 'closed_total',
          help: 'By reason.',
          type: 'counter',
          samples: [{ labels: { reason: nasty }, value: 2 }],
        },
      ],
      { server: 'one' },
    );
    const [family] = parsePrometheus(text);
    expect(family?.metrics).toEqual([{ value: '2', labels: { server: 'one', reason: nasty } }]);
  });

  it('writes numbers that are none as Prometheus wants them', () => {
    const line = (value: number) =>
      prometheusText([single('gauge', 'x', 'X.', value)]).split('\n')[2];
    expect([Number.NaN, Infinity, -Infinity, 1e21, 0.5].map(line)).toEqual([
      'x NaN',
      'x +Inf',
      'x -Inf',
      'x 1e+21',
      'x 0.5',
    ]);
  });

  it('refuses names that Prometheus would not take', () => {
    expect(() => prometheusText([single('gauge', 'a-b', '', 1)])).toThrow(
      /"a-b" is not a metric name/,
    );
    expect(() => prometheusText([single('gauge', 'a', '', 1)], { 'x y': '1' })).toThrow(
      /"x y" is not a label name/,
    );
  });

  it('writes a histogram whose buckets add up, as a real parser reads it', () => {
    const histogram = new Histogram([1, 10]);
    for (const value of [0.5, 1, 5, 100]) histogram.record(value);
    const [family] = parsePrometheus(prometheusText([histogram.family('seconds', 'How long.')]));
    expect(family).toMatchObject({
      type: 'HISTOGRAM',
      metrics: [{ buckets: { '1': '2', '10': '3', '+Inf': '4' }, count: '4', sum: '106.5' }],
    });
  });
});
