// The only file of core that has an effect when it is loaded. The `sideEffects` of package.json list this file and the entries
// that load it. `npm run release:version` writes the version.
import { noteCopy } from './package/note-copy.ts';

noteCopy(Symbol.for('headrace.core'), '@headrace/core', {
  version: '0.2.0',
  loaded: new Error('loaded here'),
});
