import { type Logger, silentLogger } from '@headrace/core';
import { EmbeddedChannel, passTime, VirtualClock } from '@headrace/core/testing';
import type { RequestScope } from '@headrace/handlers';
import {
  type HandOverOptions,
  ResumeHandler,
  ResumeTable,
  type TakeOptions,
  type TakesSessionsOptions,
  takesSessions,
} from '@headrace/lasting';
import { expect } from 'vitest';
import {
  type Attempt,
  describeFunctions,
  type Failing,
  SILENT,
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

/** A table with one lasting channel. */
function tableWithOne(clock: VirtualClock): ResumeTable {
  const table = new ResumeTable();
  const resume = new ResumeHandler({ table, childHandler: () => {} });
  const link = EmbeddedChannel.with({ clock }, resume);
  link.writeInbound(encodeResumeFrame({ kind: 'open', windowMs: 1000, creditBytes: 1024 }));
  return table;
}

/** What fails is in the report, and the channel stays. */
async function handedOver(
  options: Partial<HandOverOptions>,
  take: Partial<TakeOptions> = {},
): Promise<typeof SILENT> {
  const after = new ResumeTable();
  const childHandler = () => {};
  const childOptions = { logger: silentLogger };
  const to = async (bytes: Buffer) => after.take(bytes, { childHandler, childOptions, ...take });
  const clock = new VirtualClock();
  const over = tableWithOne(clock).handOver({ to, takeMs: 1000, ...options });
  await passTime(clock, 1001);
  await over;
  after.close();
  return SILENT;
}

/** The other process reads why, and keeps the channel. */
async function refused(options: Partial<TakesSessionsOptions>): Promise<typeof SILENT> {
  const table = new ResumeTable();
  const childOptions = { logger: silentLogger };
  const takes = takesSessions({ table, childHandler: () => {}, childOptions, ...options });
  const channel = EmbeddedChannel.with({ clock: new VirtualClock() });
  const scope = { channel } as unknown as RequestScope;
  return handedOver({
    to: async (bytes) => {
      takes(Buffer.concat([Buffer.of(2), bytes]), scope);
      throw new Error('it was taken');
    },
  });
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'ResumeHandler childHandler': opened((childHandler) => ({ childHandler })),
  'handOver to': (to) => handedOver({ to: to as never }),
  'handOver save': (save) => handedOver({ save }),
  'takesSessions childHandler': (childHandler) => refused({ childHandler }),
  'takesSessions restore': (restore) => refused({ restore }),
  'take childHandler': (childHandler) => handedOver({}, { childHandler }),
  'take restore': (restore) => handedOver({}, { restore }),
  'ResumeTable windowOf': opened((windowOf) => ({ windowOf })),
  'ResumeTable random': opened((random) => ({ random })),
});
