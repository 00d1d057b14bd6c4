import { getEventListeners } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { onAbort } from '../../src/call/on-abort.ts';

it('a signal has one listener of the runtime, however many wait, and none when the last is gone', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const stops = Array.from({ length: 1000 }, () => onAbort(signal, () => {}));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const stop of stops) stop();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  // A second call takes away none that came later.
  onAbort(signal, () => {});
  for (const stop of stops) stop();
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
});

it('each is called once, in the order in which they came, but those that were stopped by then', () => {
  const controller = new AbortController();
  const { signal } = controller;
  const called: string[] = [];
  const note = (name: string) => () => void called.push(name);
  const same = note('same');
  onAbort(signal, same);
  onAbort(signal, same);
  const stops = [onAbort(signal, note('stopped before'))];
  onAbort(signal, () => {
    called.push('stops the next');
    for (const stop of stops) stop();
    onAbort(signal, note('came too late'));
  });
  stops.push(onAbort(signal, note('stopped meanwhile')));
  onAbort(signal, note('last'));
  stops[0]!();
  controller.abort();
  expect(called).toEqual(['same', 'same', 'stops the next', 'last']);
  expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
});

it('one that throws stops no other, and its error is that of the listener of the runtime', () => {
  const called: string[] = [];
  let handle: { handleEvent(): void } | undefined;
  const signal = {
    addEventListener: (_type: string, listener: typeof handle) => {
      handle = listener;
    },
  } as unknown as AbortSignal;
  const thrown = new Error('of a listener');
  onAbort(signal, () => {
    throw thrown;
  });
  onAbort(signal, () => void called.push('the other'));
  expect(() => handle!.handleEvent()).toThrow(thrown);
  expect(called).toEqual(['the other']);
});

it('several that throw have one error with all of theirs', () => {
  let handle: { handleEvent(): void } | undefined;
  const signal = {
    addEventListener: (_type: string, listener: typeof handle) => {
      handle = listener;
    },
  } as unknown as AbortSignal;
  const thrown = [new Error('of one'), 'of another', new Error('of the last')];
  for (const error of thrown) {
    onAbort(signal, () => {
      throw error;
    });
  }
  let reported: unknown;
  try {
    handle!.handleEvent();
  } catch (error) {
    reported = error;
  }
  expect(reported).toMatchObject({
    errors: thrown,
    message: '3 listeners of an abort failed: of one; of another; of the last',
  });
});

it('nothing else of the packages listens to the signals of applications', () => {
  const root = new URL('../../../', import.meta.url);
  const files = readdirSync(root)
    .map((name) => `${name}/src/`)
    .flatMap((folder) =>
      readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).map(
        (file) => folder + file,
      ),
    )
    .filter((file) => file.endsWith('.ts'));
  const own = files.filter((file) =>
    /addEventListener\(\s*'abort'/.test(readFileSync(new URL(file, root), 'utf8')),
  );
  expect(own).toEqual(['core/src/call/on-abort.ts']);
});
