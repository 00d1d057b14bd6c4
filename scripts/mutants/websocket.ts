import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    file: 'src/server/web-socket-upgrader.ts',
    find: 'webSocket === undefined || !this.paths.has(pathOf(request))',
    replace: 'webSocket === undefined',
    test: 'test/server/web-socket-upgrader.net.test.ts',
    why: 'an upgrade on another path is refused',
  },
  {
    file: 'src/server/own-origin.ts',
    find: 'if (!URL.canParse(origin)) return false;',
    replace: '',
    test: 'test/server/own-origin.test.ts',
    why: 'an origin that is no URL is refused',
  },
];
