import { callSafely } from '@headrace/core/authoring';

type Listener = (event: Event) => unknown;
type Report = (error: Error) => void;

const REPORT: unique symbol = Symbol('report');
const guards = new WeakMap<object, Listener>();
const { addEventListener, removeEventListener } = EventTarget.prototype as unknown as Record<
  'addEventListener' | 'removeEventListener',
  (type: string, listener: Listener | null, options?: object) => void
>;
const onabort = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'onabort')!;

/** Stands before `AbortSignal.prototype`. */
const guardedPrototype: object = Object.create(AbortSignal.prototype, {
  addEventListener: {
    value(type: string, listener: object | null, options?: object) {
      addEventListener.call(this, type, guardOf(listener, this[REPORT]), options);
    },
  },
  removeEventListener: {
    value(type: string, listener: object | null, options?: object) {
      removeEventListener.call(this, type, guardOf(listener, this[REPORT]), options);
    },
  },
  onabort: {
    get: onabort.get!,
    set(listener: object | null) {
      onabort.set!.call(this, guardOf(listener, this[REPORT]));
    },
  },
});

/**
 * An `AbortController` that a peer can set off. The runtime ends the process when an abort listener throws or rejects;
 * with this controller the error is reported instead. The runtime itself calls the listeners of a signal that
 * `AbortSignal.any` makes of its signal, without a guard.
 */
export function guardedController(report: Report): AbortController {
  const controller = new AbortController();
  Object.setPrototypeOf(controller.signal, guardedPrototype);
  Object.defineProperty(controller.signal, REPORT, { value: report });
  return controller;
}

/** The same guard for the same listener, so that it can be removed. */
function guardOf(listener: object | null, report: Report): Listener | null {
  if (typeof listener !== 'function' && (typeof listener !== 'object' || listener === null)) {
    return listener as null;
  }
  const known = guards.get(listener);
  if (known !== undefined) return known;
  function guard(this: unknown, event: Event): void {
    callSafely((argument) => callListener(listener!, this, argument), event, report);
  }
  guards.set(listener, guard);
  return guard;
}

function callListener(listener: object, signal: unknown, event: Event): unknown {
  if (typeof listener === 'function') return (listener as Listener).call(signal, event);
  return (listener as { handleEvent: Listener }).handleEvent(event);
}
