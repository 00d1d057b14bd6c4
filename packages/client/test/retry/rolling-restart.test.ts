import { describe, expect, it } from 'vitest';
import { rollingRestart } from './rolling-restart.ts';

describe('a rolling restart', () => {
  it('keeps no client without a connection for long, and makes no herd', async () => {
    const { longestMs, peak, losses } = await rollingRestart({ clients: 600, servers: 3 });
    expect(longestMs).toBeLessThan(400);
    // The largest server ends 100 of its connections each 300 ms, and their clients spread over 300 ms.
    expect(peak).toBeLessThan(90);
    expect(losses.most).toBeLessThanOrEqual(3);
  });

  it('keeps connections even if all new servers are ready before the first one drains', async () => {
    const { longestMs, sizes } = await rollingRestart({
      clients: 600,
      servers: 3,
      replacement: 'new ones first',
    });
    expect(longestMs).toBeLessThan(400);
    expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(1.5);
  });
});
