// The one file of core that does something when it is loaded: package.json names it, and the entries that load it,
// in `sideEffects`. The version is written by `npm run release:version`.
import { noteCopy } from './package/note-copy.ts';

noteCopy(Symbol.for('headrace.core'), '@headrace/core', {
  version: '0.2.0',
  loaded: new Error('loaded here'),
});
