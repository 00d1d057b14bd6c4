import { commonOffset, type LogPage } from '@headrace/store';
import { expect, it } from 'vitest';

const page = (common: LogPage['common']): LogPage => ({
  ...{ epoch: 'a.3', entries: [], first: 1, last: 500, common },
});
const at = (epoch: string, offset: number) => ({ epoch, offset });

it('a log that has lost nothing, or is another one, has nothing in common with other epochs', () => {
  expect(commonOffset(at('a', 5), page(undefined))).toBe(0);
  expect(commonOffset(at('b', 5), page({ base: 'a', offset: 300 }))).toBe(0);
});

it('a log has what is before the end of an earlier epoch, and not what lies in a gap', () => {
  const common = { base: 'a', offset: 300, lost: [{ after: 10, before: 100 }] };
  const known = [5, 10, 11, 99, 100, 299, 301].map((offset) =>
    commonOffset(at('a.2', offset), page(common)),
  );
  expect(known).toEqual([5, 10, 10, 10, 100, 299, 300]);
});
