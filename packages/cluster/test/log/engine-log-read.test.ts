import { CLUSTER_ERRORS } from '@headrace/cluster';
import { ChannelError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { EngineLog } from '../../src/log/engine-log.ts';
import type { LogLink } from '../../src/log/log.ts';
import type { LogBus } from '../../src/log/log-bus.ts';

/** A link that answers nothing but `open`. */
const LINK: LogLink = {
  open: async () => {},
  append: () => new Promise(() => {}),
  read: () => new Promise(() => {}),
  follow: () => ({ close: () => {} }),
};

describe('EngineLog.read', () => {
  it('rejects when the link is lost right before it would have been asked', async () => {
    const waiting = new Set<(error: Error) => void>();
    const bus: LogBus = {
      clock: new VirtualClock(),
      logger: { log: () => {} },
      downError: (cause) => new ChannelError(CLUSTER_ERRORS.BUS_DOWN, 'down', {}, cause),
      whileLinked: (promise) =>
        new Promise((resolve, reject) => {
          waiting.add(reject);
          promise.then(resolve, reject);
        }),
    };
    const log = new EngineLog(bus);
    log.linked(LINK);
    log.cameUp();
    await log.open('room', { messages: 1, ageMs: 1 });
    const reading = log.read('room', 0, 1);
    log.unlinked();
    for (const reject of waiting) reject(new Error('the link was lost'));
    await expect(reading).rejects.toMatchObject({ code: 'HR_ERR_BUS_DOWN' });
  });
});
