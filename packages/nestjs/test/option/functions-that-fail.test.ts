import type { Logger } from '@headrace/core';
import type { HeadraceClientOptions } from '@headrace/nestjs';
import { Logger as NestLogger } from '@nestjs/common';
import { firstValueFrom } from 'rxjs';
import { expect } from 'vitest';
import {
  type Attempt,
  describeFunctions,
  type Failing,
  SILENT,
} from '../../../core/test/fixture/function-options.ts';
import type { HeadraceServerOptions } from '../../src/server/server-options.ts';
import { SumService } from '../e2e/sum-service.ts';
import { TimedApp } from '../timed-app.ts';

/** The texts of an error and its causes. */
function allOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${allOf(error.cause)}` : String(error);
}

interface Sides {
  readonly server?: Partial<HeadraceServerOptions>;
  readonly client?: Partial<HeadraceClientOptions>;
}

/** A call of a client, which ends in time; then both are closed. */
function called(sides: (fails: Failing) => Sides): Attempt {
  return async (fails, errors) => {
    const { server = {}, client = {} } = sides(fails);
    const logger: Logger = {
      log: (_level, text, error) => void errors.push(`${text} ${allOf(error)}`),
    };
    let app: TimedApp;
    try {
      app = await TimedApp.start([SumService], { logger, ...server });
    } catch (error) {
      errors.push((error as Error).message);
      return;
    }
    const line = (text: unknown): void => void errors.push(String(text));
    NestLogger.overrideLogger({ log: () => {}, warn: line, error: line });
    let isOver = false;
    const asking = firstValueFrom(
      app.client({ logger, timeoutMs: 5000, ...client }).send('sum', [1, 2]),
    )
      .catch((error: Error | string) => void errors.push(allOf(error)))
      .finally(() => {
        isOver = true;
      });
    for (let n = 0; n < 20 && !isOver; n++) await app.pass(1000);
    expect(isOver).toBe(true);
    await asking;
    await app.end();
    NestLogger.overrideLogger(false);
  };
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'HeadraceServer authenticate': called((authenticate) => ({
    server: { authenticate },
    client: { credentials: 'ann' },
  })),
  'WireOptions codec': called((codec) => ({ server: { codec } })),
  'codec of a client': called((codec) => ({ client: { codec } })),
  'credentials of a client': called((credentials) => ({
    server: { authenticate: () => ({ principal: 'ann' }) },
    client: { credentials },
  })),
  // The client ends, and names the loss that it was asked about.
  'shouldRetry of a client': async (shouldRetry, errors) => {
    const sides = {
      client: { shouldRetry, credentials: 'ann' },
      server: { authenticate: () => ({ refused: 'no' }) },
    };
    await called(() => sides)(shouldRetry, errors);
    return SILENT;
  },
  'serializer of a server': called((serialize) => ({ server: { serializer: { serialize } } })),
  'deserializer of a server': called((deserialize) => ({
    server: { deserializer: { deserialize } },
  })),
  'serializer of a client': called((serialize) => ({ client: { serializer: { serialize } } })),
  'deserializer of a client': called((deserialize) => ({
    client: { deserializer: { deserialize } },
  })),
});
