import type { PageLifeListener } from '../reconnect/page-life.ts';

/** The part of a window, a worker or a document that is used; some places have no events. */
interface EventSource {
  addEventListener?(name: string, listener: (event: PageEvent) => void): void;
  removeEventListener?(name: string, listener: (event: PageEvent) => void): void;
}

interface PageEvent {
  /** The page goes to the back/forward cache, or comes from it. */
  readonly persisted?: boolean;
}

interface Page extends EventSource {
  readonly document?: EventSource & { readonly visibilityState: string };
}

/**
 * Follows the life of a page: `online` and `offline`, `pagehide` and `pageshow`, the visibility of its tab, and the end of
 * a freeze. A worker has the first two.
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
