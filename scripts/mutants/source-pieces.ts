// Pieces of a source by the member that they stand in: an edit beside a piece leaves its name as it is.
import type { SourceFile, SyntaxNode } from '../source-file.ts';

export interface Span {
  readonly start: number;
  readonly end: number;
}

interface Token extends Span {
  readonly text: string;
}

/** Strings, words, operators, and any other character for itself. */
const TOKEN =
  /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|#?[\p{ID_Continue}$]+|=>|\.\.\.|\?\.|\+\+|--|(?:\*\*|&&|\|\||\?\?|[=!]=|[-+*/%&|^<>!=])=?|\S/gu;

export class SourcePieces {
  /** The spans of the members by their names; accessors of one property, and overloads, share a name. */
  private readonly spans = new Map<string, Span[]>();
  /** The source with its comments blanked out. */
  private readonly code: string;

  constructor({ text, comments, body }: SourceFile) {
    let [code, at] = ['', 0];
    for (const { start, end } of comments) {
      code += text.slice(at, start) + ' '.repeat(end - start);
      at = end;
    }
    this.code = code + text.slice(at);
    for (const statement of body) this.addMembersOf(statement);
  }

  /** Where a piece stands in a member. */
  find(member: string, piece: string): Span[] {
    const sought = tokensOf(piece);
    return (this.spans.get(member) ?? []).flatMap(({ start: from, end }) => {
      const tokens = tokensOf(this.code.slice(from, end));
      return tokens.flatMap(({ start }, at) =>
        sought.every(({ text }, i) => text === tokens[at + i]?.text)
          ? [{ start: from + start, end: from + tokens[at + sought.length - 1]!.end }]
          : [],
      );
    });
  }

  has(member: string): boolean {
    return this.spans.has(member);
  }

  /** The members that have a piece. */
  membersWith(piece: string): string[] {
    return [...this.spans.keys()].filter((member) => this.find(member, piece).length > 0);
  }

  private addMembersOf(statement: SyntaxNode): void {
    const declaration = (statement['declaration'] ?? statement) as SyntaxNode;
    const name = nameOf(declaration['id']);
    if (declaration.type === 'VariableDeclaration') {
      for (const variable of declaration['declarations'] as SyntaxNode[]) {
        this.add(nameOf(variable['id']), variable);
      }
    } else if (declaration.type === 'ClassDeclaration') {
      for (const member of (declaration['body'] as SyntaxNode)['body'] as SyntaxNode[]) {
        this.add(`${name}.${nameOf(member['key'])}`, member);
      }
    } else {
      this.add(name, declaration);
    }
  }

  private add(name: string | undefined, span: Span): void {
    if (name !== undefined) this.spans.set(name, [...(this.spans.get(name) ?? []), span]);
  }
}

/** An identifier, a private name, or `Symbol.asyncDispose` in brackets. */
function nameOf(node: unknown): string | undefined {
  const { type, name, object, property } = (node ?? {}) as Record<string, unknown>;
  if (type === 'MemberExpression') return `${nameOf(object)}.${nameOf(property)}`;
  return type === 'PrivateIdentifier' ? `#${name}` : (name as string | undefined);
}

/** The formatter adds and removes the last comma of a list: it is no token here. */
function tokensOf(code: string): Token[] {
  const tokens = Array.from(code.matchAll(TOKEN), ({ 0: text, index }) => ({
    text,
    start: index,
    end: index + text.length,
  }));
  return tokens.filter(
    ({ text }, i) => text !== ',' || !/^[)\]}]$/.test(tokens[i + 1]?.text ?? ''),
  );
}
