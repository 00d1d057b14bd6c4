import { urlOf } from '@headrace/core/authoring';
import { afterEach, expect, it } from 'vitest';

const page = globalThis as { document?: unknown; location?: unknown };
const before = { location: page.location };
afterEach(() => {
  delete page.document;
  Object.assign(page, before);
});

it('an address is relative to the base of the document, to the script of a worker, or to nothing', () => {
  expect(String(urlOf('ws://a.example/b'))).toBe('ws://a.example/b');
  expect(urlOf('/ws')).toBe(undefined);
  page.location = { href: 'https://a.example/scripts/worker.js' };
  expect(String(urlOf('ws'))).toBe('https://a.example/scripts/ws');
  page.location = { href: 'about:srcdoc' };
  page.document = { baseURI: 'https://a.example/app/' };
  expect(String(urlOf('ws'))).toBe('https://a.example/app/ws');
  expect(String(urlOf(new URL('ws://b.example/')))).toBe('ws://b.example/');
});
