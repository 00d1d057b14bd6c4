import { OptionError } from '@headrace/core';
import type { MetricFamily, MetricSample } from './metric-family.ts';
import { isMetricName } from './metric-option.ts';

/** The content type of {@link prometheusText}. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Returns metrics in the text format of Prometheus.
 *
 * @param labels - the labels that are added to every sample, such as the server's name
 * @throws OptionError `OPTION_INVALID` for the name of a metric or label that Prometheus does not accept
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function prometheusText(
  families: Iterable<MetricFamily>,
  labels: Readonly<Record<string, string>> = {},
): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of families) {
    checkName('metric', name, isMetricName(name));
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    for (const sample of samples) lines.push(sampleLine(name, sample, labels));
  }
  return `${lines.join('\n')}\n`;
}

function sampleLine(
  name: string,
  { labels, value, suffix = '' }: MetricSample,
  common: Readonly<Record<string, string>>,
): string {
  const pairs = Object.entries({ ...common, ...labels }).map(([label, text]) => {
    checkName('label', label, LABEL_NAME.test(label));
    return `${label}="${escapeLabel(text)}"`;
  });
  const braces = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
  return `${name}${suffix}${braces} ${numberText(value)}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function checkName(kind: string, name: string, isRight: boolean): void {
  if (isRight) return;
  throw new OptionError('OPTION_INVALID', `"${name}" is not a ${kind} name for Prometheus`, {
    name,
  });
}
