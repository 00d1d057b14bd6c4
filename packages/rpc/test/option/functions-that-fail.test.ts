import { expect } from 'vitest';
import { describeFunctions } from '../../../core/test/fixture/function-options.ts';
import { TwoEnds } from '../exchange/two-ends.ts';

describeFunctions(new URL('../../src/', import.meta.url), {
  'ExchangeHandler handle': async (handle, errors) => {
    const ends = new TwoEnds({}, { handle });
    const asked = ends.ask('a');
    await ends.settle();
    ends.pair.clock.advance(20_000);
    await ends.settle();
    errors.push(...ends.logged);
    expect(asked.settled).toBe(1);
    // The answerer goes on.
    expect(ends.pair.server.isOpen).toBe(true);
  },
});
