import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followPage } from '../../src/browser/page-life.ts';

/** A window or a document, as far as a page's life goes. */
class Source extends EventTarget {
  visibilityState = 'visible';

  fire(name: string, facts: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(name), facts));
  }
}

const IGNORED = { networkChanged: () => {}, woke: () => {}, left: () => {} };
const names = ['addEventListener', 'removeEventListener', 'document'] as const;

describe('the life of a page', () => {
  const realm = globalThis as unknown as Record<string, unknown>;
  let page: Source;
  let tab: Source;
  let seen: string[];
  let unfollow: () => void;

  beforeEach(() => {
    page = new Source();
    tab = new Source();
    seen = [];
    realm['addEventListener'] = page.addEventListener.bind(page);
    realm['removeEventListener'] = page.removeEventListener.bind(page);
    realm['document'] = tab;
    unfollow = followPage({
      networkChanged: () => seen.push('network'),
      woke: () => seen.push('woke'),
      left: (isKept) => seen.push(isKept ? 'left, kept' : 'left'),
    });
  });

  afterEach(() => {
    unfollow();
    for (const name of names) delete realm[name];
  });

  it('has another network, whether one comes or goes', () => {
    page.fire('online');
    page.fire('offline');
    expect(seen).toEqual(['network', 'network']);
  });

  it('is awake again when its tab is shown, not when it is hidden', () => {
    tab.visibilityState = 'hidden';
    tab.fire('visibilitychange');
    expect(seen).toEqual([]);
    tab.visibilityState = 'visible';
    tab.fire('visibilitychange');
    tab.fire('resume');
    expect(seen).toEqual(['woke', 'woke']);
  });

  it('is left for good, or until it comes from the back/forward cache', () => {
    page.fire('pagehide', { persisted: true });
    page.fire('pageshow', { persisted: true });
    page.fire('pageshow', { persisted: false });
    page.fire('pagehide', { persisted: false });
    expect(seen).toEqual(['left, kept', 'woke', 'left']);
  });

  it('is followed until that is ended', () => {
    unfollow();
    page.fire('online');
    tab.fire('resume');
    page.fire('pagehide', {});
    expect(seen).toEqual([]);
  });

  it('is nothing where there are no events', () => {
    unfollow();
    for (const name of names) delete realm[name];
    unfollow = followPage({ ...IGNORED, networkChanged: () => seen.push('network') });
    expect(() => unfollow()).not.toThrow();
  });

  it('has no document in a worker', () => {
    unfollow();
    delete realm['document'];
    const end = followPage({ ...IGNORED, networkChanged: () => seen.push('network') });
    page.fire('online');
    end();
    page.fire('online');
    expect(seen).toEqual(['network']);
  });
});
