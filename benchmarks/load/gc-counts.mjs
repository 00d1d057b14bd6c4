// Preloaded into a server: counts V8's collections. Each order answers with those since the one before it.
import { constants, PerformanceObserver } from 'node:perf_hooks';

let counts = { full: 0, young: 0 };

function count(entries) {
  for (const { detail } of entries) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) counts.full += 1;
    else if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) counts.young += 1;
  }
}

const observer = new PerformanceObserver((list) => count(list.getEntries()));
observer.observe({ entryTypes: ['gc'] });
process.on('message', () => {
  count(observer.takeRecords());
  process.send(counts);
  counts = { full: 0, young: 0 };
});
process.on('disconnect', () => process.exit());
