import { callSafely } from '@headrace/core/authoring';

type Listener = (event: Event) => unknown;
type Add = AbortSignal['addEventListener'];
type Remove = AbortSignal['removeEventListener'];
type Guard = (listener: Parameters<Add>[1] | null) => Listener | null;

/**
 * Makes an `AbortController` that a peer can abort, for example by the cancel of its request. Node ends the process when an abort
 * listener throws or rejects. Listeners that are added to this signal are guarded, and their errors are reported instead. If
 * `AbortSignal.any` makes another signal from this signal, Node calls the listeners of the other signal without a guard.
 */
export function guardedController(report: (error: Error) => void): AbortController {
  const controller = new AbortController();
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const guardOf = guardsOf(signal, report);
  let handler: Listener | null = null;
  Object.defineProperties(signal, {
    addEventListener: {
      value: (...[type, listener, options]: Parameters<Add>) =>
        add(type, guardOf(listener)!, options),
    },
    removeEventListener: {
      value: (...[type, listener, options]: Parameters<Remove>) =>
        remove(type, guardOf(listener)!, options),
    },
    onabort: {
      get: () => handler,
      set: (listener: unknown) => {
        if (handler !== null) remove('abort', guardOf(handler)!);
        handler = typeof listener === 'function' ? (listener as Listener) : null;
        if (handler !== null) add('abort', guardOf(handler)!);
      },
    },
  });
  return controller;
}

/** Returns a function that gives the same guard for the same listener, so that a listener can be removed. */
function guardsOf(signal: AbortSignal, report: (error: Error) => void): Guard {
  const guards = new WeakMap<object, Listener>();
  return (listener) => {
    if (listener === null) return null;
    const call = (event: Event): unknown =>
      typeof listener === 'function' ? listener.call(signal, event) : listener.handleEvent(event);
    const guard = guards.get(listener) ?? ((event) => callSafely(call, event, report));
    guards.set(listener, guard);
    return guard;
  };
}
