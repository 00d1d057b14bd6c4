export const performance = globalThis.performance;

/** Nobody measures the event loop of a page: a histogram without entries. */
export function monitorEventLoopDelay(): object {
  const nothing = (): boolean => true;
  return {
    enable: nothing,
    disable: nothing,
    reset: nothing,
    percentile: () => 0,
    min: 0,
    max: 0,
    mean: 0,
    stddev: 0,
    exceeds: 0,
    percentiles: new Map(),
  };
}

export default { performance, monitorEventLoopDelay };
