import { configuration, testsNamed } from './vitest.config.ts';

/** Limits for what hangs, far above what a busy machine needs. */
const limits = {
  testTimeout: 180_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 60_000 } },
};

// One exchange with each real program: a browser, NATS, Redis, OpenSSL, HAProxy, Netty. Outcomes only, no figures.
export default configuration({ ...limits, include: testsNamed('.smoke.test.ts') });
