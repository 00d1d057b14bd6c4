import type { Logger } from '@headrace/core';
import { EmbeddedChannel, passTime, VirtualClock } from '@headrace/core/testing';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import { memorySessionLog } from '@headrace/lasting/log';
import { expect } from 'vitest';
import {
  type Attempt,
  describeFunctions,
  type Failing,
} from '../../../core/test/fixture/function-options.ts';
import { decodeResumeFrame, encodeResumeFrame } from '../../src/protocol/resume-frame.ts';

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

/** A client that goes on in another process, whose functions fail. Its channel stays in the log. */
function continued(
  options: (fails: Failing) => { readonly childHandler?: Failing; readonly restore?: Failing },
): Attempt {
  return async (fails, errors) => {
    const clock = new VirtualClock();
    const log = memorySessionLog({ clock });
    const logger: Logger = {
      log: (_level, text, error) => void errors.push(`${text} ${error?.message}`),
    };
    const linkOf = (others: { readonly childHandler?: Failing; readonly restore?: Failing }) => {
      const table = new ResumeTable({ windowMs: 1000, log });
      const handler = new ResumeHandler({ table, childHandler: () => {}, ...others });
      return { table, link: EmbeddedChannel.with({ clock, logger }, handler) };
    };
    const before = linkOf({});
    before.link.writeInbound(
      encodeResumeFrame({ kind: 'open', windowMs: 1000, creditBytes: 1024 }),
    );
    await passTime(clock, 10);
    const opened = decodeResumeFrame(before.link.readOutbound() as Buffer);
    if (opened.kind !== 'opened') throw new Error(`it answered ${opened.kind}`);
    before.table.close();
    const after = linkOf(options(fails));
    const { id, secret } = opened;
    after.link.writeInbound(encodeResumeFrame({ kind: 'resume', id, secret, received: 0 }));
    await passTime(clock, 500);
    try {
      after.link.checkException();
    } catch (error) {
      errors.push((error as Error).message);
    }
    expect((await log.read(Buffer.from(id, 'latin1').toString('hex')))?.records).toBeDefined();
    for (const { link, table } of [before, after]) {
      link.abort();
      table.close();
    }
    await passTime(clock, 10_000);
  };
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'ResumeHandler childHandler': opened((childHandler) => ({ childHandler })),
  'ResumeHandler childHandler of a channel of the log': continued((childHandler) => ({
    childHandler,
  })),
  'ResumeTable windowOf': opened((windowOf) => ({ windowOf })),
  'ResumeTable random': opened((random) => ({ random })),
});
