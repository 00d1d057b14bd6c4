import type { Logger } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import { expect } from 'vitest';
import {
  type Attempt,
  describeFunctions,
  type Failing,
} from '../../../core/test/fixture/function-options.ts';
import { encodeResumeFrame } from '../../src/protocol/resume-frame.ts';

/** A client that opens a lasting channel of such a server; it leaves, and its time is over. */
function opened(
  options: (fails: Failing) => {
    readonly random?: Failing;
    readonly windowOf?: Failing;
    readonly childHandler?: Failing;
  },
): Attempt {
  return async (fails, errors) => {
    const { childHandler = () => {}, ...others } = options(fails);
    const clock = new VirtualClock();
    const logger: Logger = {
      log: (_level, text, error) => void errors.push(`${text} ${error?.message}`),
    };
    const table = new ResumeTable({ windowMs: 1000, ...others });
    const link = EmbeddedChannel.with(
      { clock, logger },
      new ResumeHandler({ table, childHandler }),
    );
    try {
      link.writeInbound(encodeResumeFrame({ kind: 'open', windowMs: 1000, creditBytes: 1024 }));
      await Promise.resolve();
      link.checkException();
    } catch (error) {
      errors.push((error as Error).message);
    }
    link.abort();
    try {
      link.checkException();
    } catch (error) {
      errors.push((error as Error).message);
    }
    clock.advance(10_000);
    expect(table.size).toBe(0);
  };
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'ResumeHandler childHandler': opened((childHandler) => ({ childHandler })),
  'ResumeTable windowOf': opened((windowOf) => ({ windowOf })),
  'ResumeTable random': opened((random) => ({ random })),
});
