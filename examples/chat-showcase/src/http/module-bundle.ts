const IMPORT = /^import \{([^}]*)\} from '\.\/([^']+)';$/gm;
const EXPORT = /^export (?=(?:async )?(?:function|class|const|let)\b)/gm;
const EXPORTED = /^export (?:async )?(?:function|class|const|let) (\w+)/gm;
/** Module syntax that is not understood here. */
const OTHER = /^(?:import|export)\b.*$/m;

/**
 * Many modules as one script. It knows the two forms that our page uses, `import { a, b as c } from './x.js'` and
 * `export` before a declaration, and refuses every other one; a cycle is refused, too.
 */
export class ModuleBundle {
  private readonly textOf: (name: string) => string;
  private readonly variables = new Map<string, string>();
  private readonly open: string[] = [];
  private readonly parts: string[] = [];

  /** @param textOf - the source of a module, by its name */
  constructor(textOf: (name: string) => string) {
    this.textOf = textOf;
  }

  /** The module and all that it imports, in the order in which they run. */
  bundle(name: string): string {
    this.add(name);
    // "</script>" in a text would end the element.
    return this.parts.join('\n').replaceAll('</script', '<\\/script');
  }

  /** Each module is a function of its own: names do not meet. Returns the variable with its exports. */
  private add(name: string): string {
    const known = this.variables.get(name);
    if (known !== undefined) return known;
    if (this.open.includes(name)) {
      throw new Error(`the page's modules import each other: ${[...this.open, name].join(' → ')}`);
    }
    this.open.push(name);
    const source = this.textOf(name);
    const exported = [...source.matchAll(EXPORTED)].map(([, word]) => word);
    const body = source
      .replace(IMPORT, (_all, names: string, from: string) => {
        return `const {${names.replace(/ as /g, ': ')}} = ${this.add(from)};`;
      })
      .replace(EXPORT, '');
    const [other] = OTHER.exec(body) ?? [];
    if (other !== undefined) throw new Error(`the page's ${name} has a form of its own: ${other}`);
    this.open.pop();
    const variable = `module${this.variables.size}`;
    this.variables.set(name, variable);
    const end = `return { ${exported.join(', ')} };`;
    this.parts.push(`// ${name}\nconst ${variable} = (() => {\n${body}\n${end}\n})();`);
    return variable;
  }
}
