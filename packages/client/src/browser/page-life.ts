import type { PageLifeListener } from '../reconnect/page-life.ts';

/** The part of a window, a worker or a document that this package uses. Some environments have no events. */
interface EventSource {
  addEventListener?(name: string, listener: (event: PageEvent) => void): void;
  removeEventListener?(name: string, listener: (event: PageEvent) => void): void;
}

interface PageEvent {
  /** Whether the page enters, or leaves, the back/forward cache. */
  readonly persisted?: boolean;
}

interface Page extends EventSource {
  readonly document?: EventSource & { readonly visibilityState: string };
}

/**
 * Observes the life of a page: `online` and `offline`, `pagehide` and `pageshow`, the visibility of its tab, and the end of a
 * freeze. In a worker, only `online` and `offline` exist.
 */
export function followPage(listener: PageLifeListener): () => void {
  const page = globalThis as unknown as Page;
  const { document } = page;
  const networkChanged = (): void => listener.networkChanged();
  const all: [EventSource | undefined, string, (event: PageEvent) => void][] = [
    [page, 'online', networkChanged],
    [page, 'offline', networkChanged],
    [page, 'pagehide', ({ persisted }) => listener.left(persisted === true)],
    [page, 'pageshow', ({ persisted }) => persisted === true && listener.woke()],
    [document, 'resume', () => listener.woke()],
    [
      document,
      'visibilitychange',
      () => document?.visibilityState === 'visible' && listener.woke(),
    ],
  ];
  for (const [source, name, listen] of all) source?.addEventListener?.(name, listen);
  return () => {
    for (const [source, name, listen] of all) source?.removeEventListener?.(name, listen);
  };
}
