/** What is wrong with the code, from one place to another; line 1 is the first. */
export interface Mistake {
  readonly from: number;
  readonly to: number;
  readonly line: number;
  readonly text: string;
}

/** A name that may stand at a place. `kind` is the compiler's word for it: `method`, `class`. */
export interface Proposal {
  readonly name: string;
  readonly kind: string;
}

/** What a name is: its type, and the words of its comment. */
export interface Explained {
  readonly from: number;
  readonly to: number;
  readonly type: string;
  readonly words: string;
}

/** What the compiler answers about a sample. Places are offsets in its code. */
export interface Compiler {
  mistakes(code: string): readonly Mistake[];
  proposals(code: string, at: number): readonly Proposal[];
  /** About a proposal of this place. */
  details(code: string, at: number, name: string): Explained | undefined;
  /** About the name at this place. */
  explain(code: string, at: number): Explained | undefined;
}

export type Question = {
  [Name in keyof Compiler]: { readonly ask: Name; readonly about: Parameters<Compiler[Name]> };
}[keyof Compiler];

/** To the worker. */
export type Numbered = Question & { readonly id: number };

/** From the worker. */
export interface Answer {
  readonly id: number;
  readonly answer: unknown;
}
