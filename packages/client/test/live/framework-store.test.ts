import { LiveState } from '@headrace/client';
import { expect, it } from 'vitest';

/** A component of one hook: `useSyncExternalStore` as React has it, and what the component drew. */
class Component<Snapshot, Drawn> {
  readonly drawn: Drawn[] = [];
  private readonly get: () => Snapshot;
  private readonly draw: (snapshot: Snapshot) => Drawn;
  private snapshot: Snapshot;
  private readonly unsubscribe: () => void;

  constructor(
    subscribe: (listener: () => void) => () => void,
    get: () => Snapshot,
    draw: (snapshot: Snapshot) => Drawn,
  ) {
    this.get = get;
    this.draw = draw;
    this.snapshot = get();
    this.render();
    this.unsubscribe = subscribe(() => this.look());
  }

  unmount(): void {
    this.unsubscribe();
  }

  private look(): void {
    if (!Object.is(this.snapshot, this.get())) this.render();
  }

  private render(): void {
    this.snapshot = this.get();
    // React renders for ever if a snapshot differs from itself.
    expect(Object.is(this.snapshot, this.get())).toBe(true);
    this.drawn.push(this.draw(this.snapshot));
  }
}

const group = 'room';
type Place = { readonly x: number };

function parts() {
  const live = new LiveState<Place>(group);
  let version = 0;
  const set = (key: string, x: number): void => {
    version += 1;
    live.take({ type: 'set', group, key, value: { x }, version });
  };
  // As the hooks of docs/recipes/react-and-vue.md have it.
  const subscribe = (listener: () => void) => {
    live.on('change', listener).on('status', listener);
    return () => void live.off('change', listener).off('status', listener);
  };
  live.take({ type: 'begin', group, epoch: 'e', recovered: false });
  return { live, set, subscribe };
}

it('renders the map once for each change and each status, and not after it was removed', () => {
  const { live, set, subscribe } = parts();
  const component = new Component(
    subscribe,
    () => live.revision,
    () => `${live.status} ${JSON.stringify([...live])}`,
  );
  set('a', 1);
  live.take({ type: 'ready', group, version: 1 });
  live.take({ type: 'ready', group, version: 1 });
  live.disconnected();
  component.unmount();
  set('a', 2);
  expect(component.drawn).toEqual([
    'loading []',
    'loading [["a",{"x":1}]]',
    'ready [["a",{"x":1}]]',
    'stale [["a",{"x":1}]]',
  ]);
  expect(live.listenerCount('change') + live.listenerCount('status')).toBe(0);
});

it('renders a key only when it has changed', () => {
  const { live, set, subscribe } = parts();
  const component = new Component(
    subscribe,
    () => live.get('a'),
    (place) => place?.x,
  );
  set('b', 1);
  set('a', 2);
  set('b', 3);
  live.take({ type: 'ready', group, version: 3 });
  live.take({ type: 'begin', group, epoch: 'e', recovered: false });
  live.take({ type: 'set', group, key: 'a', value: { x: 2 }, version: 2 });
  live.take({ type: 'ready', group, version: 3 });
  expect(component.drawn).toEqual([undefined, 2]);
  set('a', 4);
  expect(component.drawn).toEqual([undefined, 2, 4]);
});
