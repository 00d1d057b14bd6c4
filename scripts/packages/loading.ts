// Programs that load all entries of our packages, and nothing else.
import type { Packed } from '../packed-packages.ts';
import type { Files } from '../workspace.ts';

/** `import.mjs` imports each entry, `require.cjs` requires it. */
export function loadingPrograms(packages: readonly Packed[]): Files {
  const entries = packages.flatMap((one) => one.entries);
  return {
    'import.mjs': loading(entries, 'await import'),
    'require.cjs': loading(entries, 'require'),
  };
}

function loading(entries: readonly string[], way: string): string {
  return `for (const name of ${JSON.stringify(entries)}) {
  const entry = ${way}(name);
  if (typeof entry !== 'object' && typeof entry !== 'function') throw new Error(name);
}
`;
}
