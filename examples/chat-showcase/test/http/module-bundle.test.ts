import { describe, expect, it } from 'vitest';
import { ModuleBundle } from '../../src/http/module-bundle.ts';

function bundle(modules: Readonly<Record<string, string>>): string {
  return new ModuleBundle((name) => modules[name]!).bundle('main.js');
}

/** Runs the bundle, and returns what it puts into `out`. */
function run(modules: Readonly<Record<string, string>>): unknown[] {
  const out: unknown[] = [];
  new Function('out', bundle(modules))(out);
  return out;
}

describe('ModuleBundle', () => {
  it('runs each module once, those that others import first, each with names of its own', () => {
    const out = run({
      'main.js':
        "import { b } from './b.js';\nimport { a as first } from './a.js';\nconst x = 1;\nout.push(x, first, b());\n",
      'a.js': "out.push('a');\nconst x = 2;\nexport const a = x;\n",
      'b.js':
        "import {\n  a,\n} from './a.js';\nconst x = 3;\nexport function b() {\n  return [x, a];\n}\nexport class C {}\n",
    });
    expect(out).toEqual(['a', 1, 2, [3, 2]]);
  });

  it('does not let a text end the element that it is written into', () => {
    const modules = { 'main.js': "out.push('</script><b>');\n" };
    expect(bundle(modules)).not.toContain('</script');
    expect(run(modules)).toEqual(['</script><b>']);
  });

  it('refuses what it does not understand, and cycles', () => {
    expect(() => bundle({ 'main.js': 'export default 1;\n' })).toThrow(
      'main.js has a form of its own: export default 1;',
    );
    expect(() => bundle({ 'main.js': "import * as x from './a.js';\n" })).toThrow('import * as x');
    const cycle = {
      'main.js': "import { a } from './a.js';\n",
      'a.js': "import { b } from './main.js';\n",
    };
    expect(() => bundle(cycle)).toThrow('main.js → a.js → main.js');
  });
});
