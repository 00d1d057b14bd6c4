// A sample of TypeScript becomes the body of an async function: types go, imports become calls of `require`, so that
// `await` may stand anywhere.
import { transform } from 'sucrase';

export interface Sample {
  readonly body: string;
  /** What it imports, each once. */
  readonly imports: readonly string[];
}

export function asFunction(code: string): Sample {
  const { code: body } = transform(code, {
    transforms: ['typescript', 'imports'],
    disableESTransforms: true,
    preserveDynamicImport: false,
  });
  const found = body.matchAll(/\brequire\(\s*['"]([^'"]+)['"]\s*\)/g);
  return { body, imports: [...new Set([...found].map(([, name = '']) => name))] };
}
