/**
 * For handlers with metrics of their own: `@headrace/handlers/metrics`. The module has the parts of `ServerMetrics` that others need.
 *
 * @module
 */

export { Histogram } from './histogram.ts';
export { buckets, METRIC_PREFIX } from './metric-option.ts';
