import { configuration, testsNamed } from './vitest.config.ts';

/** They wait for real time mostly, and compare no figures of speed: two of them at a time. */
const patient = [
  'examples/broadcast-chat/test/{admin,client}/*.heavy.test.ts',
  'examples/broadcast-chat/test/attack/{log,sigterm}.heavy.test.ts',
  'examples/broadcast-chat/test/server/{bad-input,page,page-hood}.heavy.test.ts',
  'examples/cluster-chat/test/*.heavy.test.ts',
  'examples/gallery/test/!(local-proxy|short-and-long).heavy.test.ts',
  'examples/gateway-worker/test/*.heavy.test.ts',
  'examples/half-open/test/*.heavy.test.ts',
  'packages/client/test/proof/killed-calls.heavy.test.ts',
  'packages/client/test/retry/*.heavy.test.ts',
  'packages/cluster/test/bus/**/*.heavy.test.ts',
  'packages/cluster/test/proof/{envelopes,rolling-restart}.heavy.test.ts',
  'packages/cluster/test/workers/*.heavy.test.ts',
  'packages/codec/test/proxy-protocol/*.heavy.test.ts',
  'packages/codec/test/{*,message/*,resp/*}.heavy.test.ts',
  'packages/core/test/{bootstrap,testing,transport}/**/*.heavy.test.ts',
  'packages/handlers/test/proof/{calls,drain,half-open,resets}.heavy.test.ts',
  'packages/handlers/test/{logging,metrics,opentelemetry}/*.heavy.test.ts',
  'packages/lasting/test/client/*.heavy.test.ts',
  'scripts/test/*.heavy.test.ts',
];
/** A poll of one second, as it is without this, is too short for a browser on a busy machine. */
const limits = {
  testTimeout: 180_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 10_000 } },
};

// Thousands of connections, memory, minutes.
export default configuration({
  projects: [
    {
      extends: true,
      test: {
        ...limits,
        name: 'patient',
        include: patient,
        maxWorkers: 2,
        sequence: { groupOrder: 0 },
      },
    },
    {
      extends: true,
      test: {
        ...limits,
        name: 'alone',
        include: testsNamed('.heavy.test.ts'),
        exclude: ['**/node_modules/**', ...patient],
        // One file after another, so that none disturbs another.
        fileParallelism: false,
        sequence: { groupOrder: 1 },
      },
    },
  ],
});
