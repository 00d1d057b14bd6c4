import { expect, it } from 'vitest';
import { Siblings } from '../../src/page/siblings.js';

type Listener = (event: { data: unknown }) => void;

function browser() {
  const tabs: { listener?: Listener }[] = [];
  return () => {
    const tab: { listener?: Listener } = {};
    tabs.push(tab);
    return {
      postMessage: (data: unknown) => {
        for (const other of tabs) if (other !== tab) other.listener?.({ data });
      },
      addEventListener: (_type: string, listener: unknown) => {
        tab.listener = listener as Listener;
      },
    };
  };
}

it('tells the other tabs which name has signed in, in upper or lower case', () => {
  const channel = browser();
  const heard: boolean[][] = [];
  const first = new Siblings(channel, (isSame) => heard.push([isSame('ada'), isSame('bob')]));
  const second = new Siblings(channel, () => heard.push([]));
  second.signedIn('Ada');
  expect(heard).toEqual([[true, false]]);
  first.signedIn('ada');
  expect(heard).toEqual([[true, false], []]);
});

it('works where tabs cannot communicate', () => {
  const alone = new Siblings(
    () => {
      throw new Error('SecurityError');
    },
    () => {},
  );
  expect(() => alone.signedIn('ada')).not.toThrow();
});
